/// When to try again what nothing announces: soon at first, then less and less often.
struct RetryPace {
    private let first: Duration
    private let longest: Duration
    private var pause: Duration
    private(set) var next: ContinuousClock.Instant?

    init(first: Duration, longest: Duration) {
        self.first = first
        self.longest = longest
        pause = first
    }

    var isDue: Bool { next.map { $0 <= .now } ?? false }

    /// Something is different: at once, and soon again.
    mutating func restart() {
        pause = first
        next = .now
    }

    mutating func tried() {
        next = .now + pause
        pause = min(pause * 2, longest)
    }

    mutating func stop() { next = nil }
}
