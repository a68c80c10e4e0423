/// The earlier of two instants; one that is not there never comes. Loops ask at every turn, so it allocates nothing.
public func earliest(
    _ one: ContinuousClock.Instant?, _ other: ContinuousClock.Instant?
) -> ContinuousClock.Instant? {
    guard let one, let other else { return one ?? other }
    return min(one, other)
}
