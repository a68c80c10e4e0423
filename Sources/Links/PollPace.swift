/// How often a side that nobody can ring looks into its rings: often while there is something, less and less while not.
struct PollPace {
    private static let shortest = Duration.microseconds(200)
    private static let longest = Duration.milliseconds(10)

    private var pause = PollPace.shortest
    private(set) var next: ContinuousClock.Instant = .now

    var isDue: Bool { next <= .now }

    mutating func looked(hasNews: Bool) {
        pause = hasNews ? Self.shortest : min(pause * 2, Self.longest)
        next = .now + pause
    }
}
