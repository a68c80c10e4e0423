/// How long it is worth looking for a client's next request before going to sleep.
///
/// To be woken on another processor costs some 30 µs; a client that is busy there comes back sooner. So a loop whose
/// requests come quickly looks on for a while. Where client and server share a processor, looking keeps the client from
/// asking: it is in vain, and is tried again after as many requests as twice the last time, until once it is not.
struct Readiness {
    private static let longest = Duration.microseconds(60)
    /// A request that came so soon after the last would have been met by looking.
    private static let soon = Duration.microseconds(100)
    private static let missesAllowed = 2
    private static let prices = 8...8192

    private(set) var limit: Duration = .zero
    private var missCount = 0
    /// Requests that came soon since the last attempt, and how many it takes for the next.
    private var soonCount = 0
    private var price = Readiness.prices.lowerBound
    private var sleptSince: ContinuousClock.Instant?

    /// Looking met a request.
    mutating func wasMet() { (missCount, price) = (0, Readiness.prices.lowerBound) }

    mutating func wasMissed() {
        missCount += 1
        guard missCount >= Readiness.missesAllowed else { return }
        (limit, missCount) = (.zero, 0)
        price = min(price * 2, Readiness.prices.upperBound)
    }

    mutating func willSleep() { sleptSince = limit == .zero ? .now : nil }

    /// A request came.
    mutating func wasWoken() {
        guard let since = sleptSince else { return }
        sleptSince = nil
        soonCount = .now - since < Readiness.soon ? soonCount + 1 : 0
        guard soonCount >= price else { return }
        (limit, soonCount) = (Readiness.longest, 0)
    }
}
