/// When to look at the page although nobody rang: soon, then ever less often, until a limit.
struct LookPlan {
    private var interval: Duration = .zero
    private(set) var nextLook: ContinuousClock.Instant?
    private var end: ContinuousClock.Instant?

    /// Starts looking, until `limit` from `now` at least.
    mutating func watch(for limit: Duration, from now: ContinuousClock.Instant, _ settings: HostSettings) {
        let until = now.advanced(by: limit)
        end = max(end ?? until, until)
        interval = settings.firstLook
        nextLook = now.advanced(by: interval)
    }

    /// One look is done.
    mutating func looked(at now: ContinuousClock.Instant, _ settings: HostSettings) {
        guard let next = nextLook, let end, next <= now else { return }
        guard now < end else { return stop() }
        interval = min(interval * 2, settings.lookMaximum)
        nextLook = min(now.advanced(by: interval), end)
    }

    func isDue(at now: ContinuousClock.Instant) -> Bool { nextLook.map { $0 <= now } ?? false }

    mutating func stop() { self = LookPlan() }
}
