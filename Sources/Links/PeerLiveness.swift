/// Whether a peer that nothing else tells of still runs: it is asked by the link header's ping while somebody waits for it,
/// and by nobody while the link is idle.
///
/// ```
///   silent ──we ring──► waiting ──quiet for so long──► asked ──no echo for so long──► gone
///      ▲                   │ a sign of the peer's          │ that, or an echo
///      └───────────────────┴───────────────────────────────┘   and waiting again where somebody still waits
/// ```
struct PeerLiveness {
    private enum Phase {
        case silent
        case waiting(until: ContinuousClock.Instant)
        case asked(until: ContinuousClock.Instant)
    }

    enum Step: Equatable {
        case nothing
        /// Store this ping, and ring.
        case ask(UInt64)
        case gone
    }

    private let quietLimit: Duration
    let answerLimit: Duration
    private var phase = Phase.silent
    private var ping: UInt64 = 0
    /// The peer has shown that it runs since this was last looked at.
    private var hasSign = false

    init(quietLimit: Duration, answerLimit: Duration) {
        self.quietLimit = quietLimit
        self.answerLimit = answerLimit
    }

    /// Asked at every turn of a loop, so it allocates nothing.
    var deadline: ContinuousClock.Instant? {
        switch phase {
        case .silent: nil
        case .waiting(let until), .asked(let until): until
        }
    }

    /// We rang the peer, or would have if it were not looking by itself.
    mutating func rang(now: @autoclosure () -> ContinuousClock.Instant) {
        guard case .silent = phase else { return }
        hasSign = false
        phase = .waiting(until: now() + quietLimit)
    }

    /// The peer rang, or wrote something: it runs.
    mutating func sawPeer() { hasSign = true }

    /// - Parameters:
    ///   - echo: which question the peer answered last; asked for only where one is open.
    ///   - isAwaited: somebody still waits for something of the peer's.
    mutating func advance(
        now: ContinuousClock.Instant, echo: @autoclosure () -> UInt64, isAwaited: @autoclosure () -> Bool
    ) -> Step {
        switch phase {
        case .silent: return .nothing
        case .waiting(let until):
            guard until <= now else { return .nothing }
            if hasSign { return isThere(now, isAwaited()) }
            ping &+= 1
            phase = .asked(until: now + answerLimit)
            return .ask(ping)
        case .asked(let until):
            if hasSign || echo() == ping { return isThere(now, isAwaited()) }
            return until <= now ? .gone : .nothing
        }
    }

    private mutating func isThere(_ now: ContinuousClock.Instant, _ isAwaited: Bool) -> Step {
        hasSign = false
        phase = isAwaited ? .waiting(until: now + quietLimit) : .silent
        return .nothing
    }
}
