public import LinuxSystem
public import SharedMemory
public import SystemPackage

/// How and by whom a node is opened.
public struct Opening {
    public enum Access: Hashable, Sendable {
        case reading
        case writing
        case both
    }

    public let access: Access
    public let requester: Requester
    /// Kept by what may become ready, and told when it has.
    public let readiness: any ReadinessSignal

    public init(_ access: Access, by requester: Requester, _ readiness: any ReadinessSignal) {
        self.access = access
        self.requester = requester
        self.readiness = readiness
    }
}

/// Wakes whoever polls an open file. From any thread, as often as one likes.
public protocol ReadinessSignal: AnyObject, Sendable {
    func changed()
}

/// A read that waits for its bytes. It is answered once, now or later, from any thread; one that is dropped answers `EIO`.
///
/// A caller that is interrupted meanwhile gets `EINTR` without anybody's doing; from then on every answer is lost.
public protocol PendingRead: AnyObject, Sendable {
    /// How many bytes were asked for, and are allowed.
    var byteCount: Int { get }
    /// O_NONBLOCK: what is not there at once is `EAGAIN`.
    var isNonBlocking: Bool { get }
    var requester: Requester { get }

    /// True when it has been answered, or the caller has given up.
    var isOver: Bool { get }

    /// Answers with bytes; none mean the end of the file.
    ///
    /// - Returns: false when nobody got them: what they carried may be given to somebody else.
    @discardableResult
    func reply(_ bytes: RawSpan) -> Bool
    /// As above.
    @discardableResult
    func reply(_ bytes: [UInt8]) -> Bool
    /// Answers with `header`, and then with bytes straight from where they lie in shared memory.
    ///
    /// - Returns: as above.
    @discardableResult
    func reply(_ header: [UInt8], slices: [WindowSlice], of space: AddressSpace) -> Bool
    @discardableResult
    func fail(_ errno: Errno) -> Bool
    /// Asks to be told when the caller gives up. After that nobody waits any more.
    ///
    /// - Parameter body: called at most once, by the thread that serves the tree.
    func onInterrupt(_ body: @escaping @Sendable () -> Void)
}

/// One open file. It is used by the thread that serves its tree.
public protocol OpenNode: AnyObject {
    /// True for one without a position: each read takes, each write gives, and a write passes while a read waits.
    var isStream: Bool { get }
    func read(_ read: any PendingRead, at offset: UInt64)
    /// Takes bytes that last as long as the call.
    ///
    /// - Parameter defer: makes the change that answers this write later; the outcome is then `.later`.
    func write(
        _ bytes: RawSpan, at offset: UInt64, isNonBlocking: Bool, defer: () -> PendingChange
    ) -> WriteOutcome
    /// What is ready now. When that grows, the opening's `ReadinessSignal` is told.
    func poll() -> PollEvents
    /// The last descriptor is closed. Nothing comes after it.
    func close()
}

/// What became of one write.
public enum WriteOutcome: Hashable, Sendable {
    /// So many bytes were taken.
    case taken(Int)
    case refused(Errno)
    /// A `PendingChange` answers, or has answered, for all bytes.
    case later
}
