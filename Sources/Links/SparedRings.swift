/// Doorbells that were not rung because the peer said it was looking by itself. Its word is believed for so long and no
/// longer: then they are rung after all, once.
struct SparedRings {
    static let limit = Duration.milliseconds(10)

    private let limit: Duration
    private var numbers = DoorbellSet()
    private(set) var deadline: ContinuousClock.Instant?

    init(limit: Duration = SparedRings.limit) { self.limit = limit }

    mutating func insert(_ number: DoorbellNumber, now: ContinuousClock.Instant) {
        numbers.insert(number)
        if deadline == nil { deadline = now + limit }
    }

    /// Those that are due: all of them.
    mutating func takeDue(now: ContinuousClock.Instant) -> DoorbellSet {
        guard let deadline, deadline <= now else { return DoorbellSet() }
        defer { self = SparedRings(limit: limit) }
        return numbers
    }
}
