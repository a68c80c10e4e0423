/// Doorbells that nobody has any use for: a peer that rings without end, and no user of the link who asks for anything
/// meanwhile. After so many in a row the link looks at its doorbells once in a while only, so that the peer does not take
/// the processor's time from other links. Whoever asks for something ends that.
struct DoorbellPatience {
    /// More than one queue of the MIC profile has in flight: answers to one burst of requests are no storm.
    static let limit = 256
    static let idlePause = Duration.milliseconds(1)

    private var idleCount = 0
    private var requestCount: UInt64 = 0

    /// How long doorbells are left alone before the next look; `nil`: they are looked at.
    var pause: Duration? { idleCount < Self.limit ? nil : Self.idlePause }

    /// After a turn of the link's loop.
    ///
    /// - Parameters:
    ///   - wasRung: its side was woken by a descriptor, and served.
    ///   - isAsked: there is a request of its tree.
    ///   - requestCount: the side's own.
    mutating func note(wasRung: Bool, isAsked: Bool, requestCount: UInt64) {
        if isAsked || requestCount != self.requestCount {
            self.requestCount = requestCount
            idleCount = 0
        } else if wasRung, idleCount < Self.limit {
            idleCount += 1
        }
    }
}
