/// How long to look at the rings before sleeping, tuned by what was seen: nothing at first; more while sleeps turn out to
/// be so short that looking would have spared them; less each time it was in vain, down to nothing, and then longer and
/// longer until it is tried again.
///
/// ```
///   short sleeps in a row ──► least ──found──► twice as long … longest
///                               ▲                 │
///                               └──── half ◄──in vain──┘        below the least: nothing
/// ```
struct SpinBudget {
    static let longest = Duration.microseconds(50)
    static let least = Duration.microseconds(6)
    /// A sleep no longer than this would have been spared by looking for `longest`: the rest of it is falling asleep and
    /// being woken, across processors.
    static let shortSleep = Duration.microseconds(150)
    static let firstStreak = 8
    static let longestStreak = 8192

    /// Zero: sleep at once.
    private(set) var limit = Duration.zero
    private var streak = 0
    private var neededStreak = SpinBudget.firstStreak

    /// Something was seen while looking.
    mutating func found() {
        limit = min(limit * 2, Self.longest)
        neededStreak = Self.firstStreak
    }

    /// All of the limit passed, and nothing was seen.
    mutating func missed() {
        limit = limit / 2
        guard limit < Self.least else { return }
        limit = .zero
        neededStreak = min(neededStreak * 2, Self.longestStreak)
    }

    /// A sleep ended.
    mutating func slept(for duration: Duration) {
        guard duration <= Self.shortSleep else {
            streak = 0
            return
        }
        streak += 1
        guard streak >= neededStreak else { return }
        streak = 0
        if limit == .zero { limit = Self.least }
    }
}
