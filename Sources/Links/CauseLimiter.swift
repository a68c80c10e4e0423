/// Says which of a peer's doings are worth a log line: of each cause, one in an interval.
public struct CauseLimiter<Cause: Hashable & Sendable>: Sendable {
    /// More causes than this at one time are somebody's flood, and are logged no more.
    private static var causeMaximum: Int { 256 }

    private let interval: Duration
    private var lastLogged: [Cause: ContinuousClock.Instant] = [:]

    public init(interval: Duration) { self.interval = interval }

    /// Whether to log it now; if so, not again before the interval is over.
    public mutating func isWorthLogging(_ cause: Cause, at now: ContinuousClock.Instant) -> Bool {
        if let last = lastLogged[cause], now - last < interval { return false }
        if lastLogged.count >= Self.causeMaximum {
            lastLogged = lastLogged.filter { now - $0.value < interval }
            guard lastLogged.count < Self.causeMaximum else { return false }
        }
        lastLogged[cause] = now
        return true
    }
}
