import LinuxSystem

/// Says on standard error how far something is that lasts: after two seconds, then every two.
struct Progress {
    private let isSaid: Bool
    private let what: String
    private let total: Int
    private var next = ContinuousClock.now + Progress.period

    private static let period = Duration.seconds(2)

    init(_ options: GlobalOptions, _ what: String, of total: Int) {
        isSaid = !options.quiet
        self.what = what
        self.total = total
    }

    mutating func tell(_ done: Int) {
        guard isSaid, .now >= next, done < total else { return }
        next = .now + Self.period
        StandardError.print("vopctl: \(done) of \(total) \(what)")
    }

    static func pause(_ time: Duration) { Thread.pause(for: time) }
}
