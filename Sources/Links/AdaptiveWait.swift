import LinuxSystem

/// A link's way of waiting: it looks at the rings for a while before it sleeps, where that has paid; never while the peer
/// runs on the same processor, whom it would keep from its work.
struct AdaptiveWait {
    /// Whether the rings of devices that run have something that no doorbell has told; `nil` where nobody can say, and
    /// then nothing is looked for.
    var ringNews: (() -> Bool?)?
    private var budget = SpinBudget()
    /// What the header says of us.
    private var saysPolling = false
    private var processor = UInt32.max
    /// Both sides count the same processors: they are two processes of one kernel.
    private let isOneKernel: Bool

    /// Tests look this long whatever was seen, and wherever the peer runs.
    var forceLimit: Duration?

    init(isOneKernel: Bool) { self.isOneKernel = isOneKernel }

    /// A peer that has just come reads a header that says we sleep.
    mutating func met() { (saysPolling, processor) = (false, .max) }

    /// What looking before sleeping came to.
    enum Outcome {
        /// The rings have something, and whatever else may have was looked at too.
        case news
        /// Something else has.
        case others
        case nothing
    }

    /// Looks for as long as it has paid.
    ///
    /// - Parameter look: looks at what else may have something, and returns how much had. Asked whatever the rings say, so
    ///   that a peer that never stops keeps nobody else waiting.
    mutating func poll(
        _ header: LinkHeader, _ counters: WaitCounters, look: () throws(LinkError) -> Int
    ) throws(LinkError) -> Outcome {
        guard let ringNews, isOneKernel || forceLimit != nil else { return .nothing }
        let here = ThisProcess.currentProcessor
        if here != processor {
            header.announce(processor: here)
            processor = here
        }
        let limit = forceLimit ?? (header.isPeerApart(from: here) ? budget.limit : .zero)
        guard limit > .zero, ringNews() != nil else { return .nothing }
        say(polling: true, in: header)
        let end = ContinuousClock.now + limit
        repeat {
            let hasNews = Self.look(ringNews)
            let others = try look()
            if hasNews {
                budget.found()
                counters.count(.pollsFound)
                return .news
            }
            if others > 0 { return .others }
        } while .now < end
        budget.missed()
        counters.count(.pollsInVain)
        return .nothing
    }

    /// As often as costs about what a look at everything else does, a system call.
    private static func look(_ ringNews: () -> Bool?) -> Bool {
        for _ in 0..<16 {
            if ringNews() ?? true { return true }
            ThisProcess.relax()
        }
        return false
    }

    /// Says that we sleep, and looks once more.
    ///
    /// - Returns: false when there is something after all.
    mutating func mayFallAsleep(_ header: LinkHeader) -> Bool {
        guard saysPolling else { return true }
        say(polling: false, in: header)
        // Nobody who can say any more: somebody looks at everything, once.
        return ringNews?() == false
    }

    mutating func say(polling: Bool, in header: LinkHeader) {
        guard polling != saysPolling else { return }
        saysPolling = polling
        if polling { header.announcePolling(on: processor) } else { header.announceSleep() }
    }

    mutating func slept(for duration: Duration, _ counters: WaitCounters) {
        budget.slept(for: duration)
        counters.count(.sleeps)
    }
}
