/// How often each cause has come in its last minute, so that no one of them fills an event log: the first few are told
/// each, then every one with which their number has doubled.
struct RepeatedCauses: Sendable {
    static let toldEach = 16
    static let interval = Duration.seconds(60)
    /// More causes than this at one time are counted as one.
    static let maximum = 1024

    private struct Count {
        let since: ContinuousClock.Instant
        var number = 0
    }

    private var counts: [String: Count] = [:]
    /// When those whose minute was over were last forgotten: not for every one of a flood.
    private var swept: ContinuousClock.Instant?

    /// - Returns: the how manieth it is since its minute began, if it is to be told.
    mutating func count(_ cause: String, at now: ContinuousClock.Instant) -> Int? {
        let cause = place(of: cause, at: now)
        var count = counts[cause] ?? Count(since: now)
        if now - count.since >= Self.interval { count = Count(since: now) }
        count.number += 1
        counts[cause] = count
        return count.number <= Self.toldEach || count.number.nonzeroBitCount == 1 ? count.number : nil
    }

    private mutating func place(of cause: String, at now: ContinuousClock.Instant) -> String {
        guard counts[cause] == nil, counts.count >= Self.maximum else { return cause }
        if swept.map({ now - $0 >= .seconds(1) }) ?? true {
            swept = now
            counts = counts.filter { now - $0.value.since < Self.interval }
        }
        return counts.count < Self.maximum ? cause : ""
    }
}
