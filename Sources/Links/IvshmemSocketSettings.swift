/// What is configured of a memory that others map, and of the socket over which they get it.
public struct IvshmemSocketSettings: Sendable, Hashable {
    /// Where the server listens.
    public var socketPath: String
    /// The socket file's permissions: who may join. The server sets them.
    public var socketMode: UInt32
    /// All of the memory: a power of two, as QEMU wants it. The server's to say.
    public var byteCount: Int
    /// By how many vectors each can be rung. The server's to say.
    public var vectorCount: Int
    /// How long the other end may take to say, or to take, what is due.
    public var answerLimit: Duration
    /// How long pass between attempts to connect: at first, doubled each time, at most.
    public var firstRetry: Duration
    public var longestRetry: Duration

    public init(
        socketPath: String, socketMode: UInt32 = 0o600,
        byteCount: Int = MeetingLimits.defaultWindowByteCount,
        vectorCount: Int = MeetingLimits.defaultVectorCount, answerLimit: Duration = .seconds(5),
        firstRetry: Duration = .milliseconds(20), longestRetry: Duration = .seconds(1)
    ) {
        self.socketPath = socketPath
        self.socketMode = socketMode
        self.byteCount = byteCount
        self.vectorCount = vectorCount
        self.answerLimit = answerLimit
        self.firstRetry = firstRetry
        self.longestRetry = longestRetry
    }

    /// For whoever serves: all of it.
    func validate() throws(LinkError) {
        try Self.validate(socketPath: socketPath, mode: socketMode)
        if let fault = MeetingLimits.fault(ivshmemByteCount: byteCount) { throw .configuration(fault) }
        if let fault = MeetingLimits.fault(vectorCount: vectorCount) { throw .configuration(fault) }
    }

    static func validate(socketPath: String, mode: UInt32) throws(LinkError) {
        // sun_path holds 108 bytes with its zero.
        guard !socketPath.isEmpty, socketPath.utf8.count < 108 else {
            throw .configuration("socket path of \(socketPath.utf8.count) bytes: 1 to 107 are allowed")
        }
        guard mode & ~0o777 == 0 else {
            throw .configuration("socket mode 0\(String(mode, radix: 8)): 0 to 0777 is allowed")
        }
    }
}
