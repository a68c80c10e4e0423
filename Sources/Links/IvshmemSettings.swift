/// What is configured of a link in one memory that both sides map, whoever provides it.
public struct IvshmemSettings: Sendable, Hashable {
    /// How long pass between looks whether somebody is there: at first, doubled each time, at most.
    public var firstRetry: Duration
    public var longestRetry: Duration
    /// How long a peer that was rung may be silent before it is asked whether it runs, and how long it may take to say so.
    public var quietLimit: Duration
    public var answerLimit: Duration

    public init(
        firstRetry: Duration = .milliseconds(20), longestRetry: Duration = .seconds(1),
        quietLimit: Duration = .seconds(1), answerLimit: Duration = .seconds(10)
    ) {
        self.firstRetry = firstRetry
        self.longestRetry = longestRetry
        self.quietLimit = quietLimit
        self.answerLimit = answerLimit
    }
}
