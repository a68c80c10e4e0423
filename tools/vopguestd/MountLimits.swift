/// How long whoever uses a data mount waits for a server that is gone: what `9p-mount` is told.
struct MountLimits {
    /// For one that hung up to come back.
    var reconnect = Duration.seconds(60)
    /// For one that says nothing, until it counts as one that hung up.
    var silence = Duration.seconds(300)

    var arguments: [String] {
        ["--reconnect", Self.wholeSeconds(reconnect), "--silence", Self.wholeSeconds(silence)]
    }

    /// No less than one: zero means something else there.
    private static func wholeSeconds(_ duration: Duration) -> String {
        let (seconds, rest) = duration.components
        return "\(max(1, seconds + (rest > 0 ? 1 : 0)))"
    }
}
