public import DevicePage

/// How long a guest-backend waits, and how often it looks.
public struct GuestSettings: Sendable, Hashable {
    /// How long the host may take with each handshake (MIC's values to start from). The guest asks two of them:
    /// used addresses and reset.
    public var limits = HandshakeLimits()
    /// For the host to format its page once the two have met. Looked for ever after, but said.
    public var pageLimit: Duration = .seconds(10)
    /// How often the page is looked for: at first, doubled each time, at most.
    public var firstPageLook: Duration = .milliseconds(1)
    public var pageLookMaximum: Duration = .seconds(1)
    /// Whether a device that has just been found is given the driver of its type at once.
    public var bindsByItself = true
    /// How long devices stay as they are for a host that was killed, perhaps, and may come back to them.
    public var resumptionLimit: Duration = .seconds(60)
    /// Where the guest and its drivers write down what they need to go on with a meeting after they were killed: a
    /// directory, best on tmpfs, that is this user's alone. Without one they cannot.
    public var recordDirectory: String?
    /// Of one device and one cause, one event in this time is worth a log line.
    public var logInterval: Duration = .seconds(60)

    public init() {}
}
