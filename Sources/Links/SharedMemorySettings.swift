/// What is configured of an `shm` link.
public struct SharedMemorySettings: Sendable, Hashable {
    /// Where the host listens and the guest connects.
    public var socketPath: String
    /// The socket file's permissions: who may join. The host sets them.
    public var socketMode: UInt32
    /// The size of our own window; what `MeetingLimits` allows.
    public var windowByteCount: Int
    /// How many doorbells the peer may ring us by.
    public var doorbellCount: Int
    /// How long a peer may take to say its next word of the meeting.
    public var meetingLimit: Duration
    /// How long a guest waits between its attempts: at first, doubled each time, at most.
    public var firstRetry: Duration
    public var longestRetry: Duration
    /// Where this side writes down what it needs to take a meeting up again after it was killed: a file, best on tmpfs,
    /// in a directory that is this user's alone. Without one every meeting is fresh.
    public var recordPath: String?

    public init(
        socketPath: String, socketMode: UInt32 = 0o600,
        windowByteCount: Int = MeetingLimits.defaultWindowByteCount,
        doorbellCount: Int = MeetingLimits.defaultDoorbellCount, meetingLimit: Duration = .seconds(5),
        firstRetry: Duration = .milliseconds(20), longestRetry: Duration = .seconds(1),
        recordPath: String? = nil
    ) {
        self.socketPath = socketPath
        self.socketMode = socketMode
        self.windowByteCount = windowByteCount
        self.doorbellCount = doorbellCount
        self.meetingLimit = meetingLimit
        self.firstRetry = firstRetry
        self.longestRetry = longestRetry
        self.recordPath = recordPath
    }

    func validate() throws(LinkError) {
        try IvshmemSocketSettings.validate(socketPath: socketPath, mode: socketMode)
        if let fault = MeetingLimits.fault(windowByteCount: windowByteCount) { throw .configuration(fault) }
        if let fault = MeetingLimits.fault(doorbellCount: doorbellCount) { throw .configuration(fault) }
    }
}
