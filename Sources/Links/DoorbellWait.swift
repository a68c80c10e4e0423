import LinuxSystem
import SystemPackage

/// How a link whose doorbells are descriptors waits and rings: one sleep for all that is watched, after a look at the
/// rings where that has paid; and doorbells left out while the peer says that it looks by itself.
final class DoorbellWait {
    private var waiting: LinkWait
    var adaptive: AdaptiveWait
    var spared = SparedRings()
    private var hasPolled = false
    private let counters: LinkCounters

    /// - Parameter isOneKernel: both sides are processes of one kernel, so that where each runs means something.
    init(_ counters: LinkCounters, isOneKernel: Bool) throws(Errno) {
        self.counters = counters
        adaptive = AdaptiveWait(isOneKernel: isOneKernel)
        waiting = LinkWait(try WatchedSet())
    }

    var pollDescriptor: CInt { waiting.pollDescriptor }

    // MARK: What is watched

    func watch(_ descriptor: CInt) throws(LinkError) { try waiting.watch(descriptor) }
    func unwatch(_ descriptor: CInt) { waiting.unwatch(descriptor) }
    func isReady(_ descriptor: CInt) -> Bool { waiting.ready.contains(descriptor) }

    /// Watches a descriptor of the link's own.
    func watch(
        _ descriptor: CInt, token: UInt64, _ events: PollEvents = [.readable, .peerClosed]
    ) throws(LinkError) {
        do throws(Errno) {
            try waiting.watch(descriptor, events, token: token)
        } catch { throw .system(error, during: "watching a link's descriptor") }
    }

    /// Watches doorbells, token 0 and up. One event a ring, so that no call is needed to take it back: the count runs up
    /// to 2^64 unread.
    func watch(doorbells: [EventCounter]) throws(LinkError) {
        for (index, doorbell) in doorbells.enumerated() {
            try watch(doorbell.rawDescriptor, token: UInt64(index), [.readable, .edgeTriggered])
        }
    }

    // MARK: Waiting

    /// A peer has just come.
    func met() {
        adaptive.met()
        spared = SparedRings()
    }

    /// Waits as `Link.wait` says.
    ///
    /// - Parameters:
    ///   - header: of the meeting, `nil` while there is no peer.
    ///   - ring: rings one of the peer's doorbells.
    ///   - found: told of each of the link's own tokens.
    func wait(
        for limit: Duration?, _ header: LinkHeader?, ring: (DoorbellNumber) -> Void,
        found body: (UInt64) -> Void
    ) throws(LinkError) -> Int {
        guard let header, limit != .zero else { return try look(for: limit, body) }
        ringSpared(ring)
        var found = 0
        switch try adaptive.poll(
            header, counters.waits,
            look: { () throws(LinkError) in
                found = try look(for: .zero, body)
                return found
            })
        {
        case .others: return found
        case .nothing where adaptive.mayFallAsleep(header): break
        case .news, .nothing:
            if found == 0 { found = try look(for: .zero, body) }
            hasPolled = true
            return found + 1
        }
        guard adaptive.ringNews != nil || spared.deadline != nil else { return try look(for: limit, body) }
        let start = ContinuousClock.now
        let rescue = spared.deadline.map { max(.zero, $0 - start) }
        found = try look(for: limit.map { min($0, rescue ?? $0) } ?? rescue, body)
        adaptive.slept(for: .now - start, counters.waits)
        ringSpared(ring)
        return found
    }

    private func look(for limit: Duration?, _ body: (UInt64) -> Void) throws(LinkError) -> Int {
        try waiting.wait(for: limit, body)
    }

    /// What a `service()` begins with: looks, unless a wait has just done so.
    ///
    /// - Returns: whether rings have something that no doorbell told.
    func serve(found body: (UInt64) -> Void) throws(LinkError) -> Bool {
        if !waiting.hasLooked { _ = try look(for: .zero, body) }
        waiting.served()
        defer { hasPolled = false }
        return hasPolled
    }

    // MARK: Ringing

    /// - Returns: whether the doorbell must be rung: the peer does not say that it looks by itself.
    func mustRing(_ number: DoorbellNumber, _ header: LinkHeader) -> Bool {
        guard header.isPeerPolling else { return true }
        spared.insert(number, now: .now)
        counters.waits.count(.doorbellsSpared)
        return false
    }

    private func ringSpared(_ ring: (DoorbellNumber) -> Void) {
        guard spared.deadline != nil else { return }
        let due = spared.takeDue(now: .now)
        guard !due.isEmpty else { return }
        for index in 0...127 {
            if let number = DoorbellNumber(rawValue: index), due.contains(number) { ring(number) }
        }
    }
}
