/// Something that happened on one side of a link, for logs and for the control tree's events.
public struct BackendEvent<Word: BackendEventKind>: Sendable, Hashable {
    public typealias Kind = Word

    public let kind: Kind
    /// The device's name; `nil` where the link is meant.
    public let device: String?
    /// What happened, for people; may be empty.
    public let detail: String
    /// False when the same happened to the same device a short time ago: count it, but do not log it again.
    public let isWorthLogging: Bool
}

/// The words of one side for what happens there.
public protocol BackendEventKind: RawRepresentable<String>, CaseIterable, Hashable, Sendable {
    /// The peer can make it happen as often as it likes.
    var isPeerDriven: Bool { get }
}

/// Says which events are worth a line: of one device and one cause, one in an interval.
public struct EventLimiter<Kind: BackendEventKind>: Sendable {
    private var limiter: CauseLimiter<EventCause>

    public init(interval: Duration) { limiter = CauseLimiter(interval: interval) }

    public mutating func event(
        _ kind: Kind, _ device: String?, _ detail: String, at now: ContinuousClock.Instant
    ) -> BackendEvent<Kind> {
        let cause = EventCause(kind.rawValue, device, detail)
        let isWorthLogging = !kind.isPeerDriven || limiter.isWorthLogging(cause, at: now)
        return BackendEvent(kind: kind, device: device, detail: detail, isWorthLogging: isWorthLogging)
    }
}
