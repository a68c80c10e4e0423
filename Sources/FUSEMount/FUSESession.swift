internal import CFUSE
internal import Glibc
internal import LinuxSystem
public import SystemPackage

/// Where one serving thread receives its requests: a little over 1 MiB, reserved at the first.
@safe
public struct RequestBuffer: ~Copyable, @unchecked Sendable {
    var raw = unsafe fuse_buf()

    public init() {}

    // SAFETY: libfuse reserved the memory with malloc at the first receive, and nobody else frees it.
    deinit { unsafe free(raw.mem) }
}

/// A filesystem mounted at a path, from `init` until `unmount` (or the last reference goes).
///
/// Serve it one of two ways. A loop of one's own watches `pollDescriptor` and calls `service()`, which never blocks. Or threads
/// call `run()`, one or several, until the session ends or `stop()` is called; the filesystem must then bear their company.
@safe
public final class FUSESession: @unchecked Sendable {
    public let mountPoint: String
    private let core: SessionCore
    let session: OpaquePointer
    private let poller: Poller
    private let stopping: EventCounter
    private var buffer = RequestBuffer()
    /// False until the mount is there: `deinit` also follows an `init` that threw.
    private var isMounted = false

    /// Mounts `filesystem`. What a dead server left at `path` is detached first.
    ///
    /// - Throws: `MountError`, whose text says what is wrong with the machine or the mount point.
    public init(_ filesystem: any FUSEFilesystem, at path: String, _ options: MountOptions) throws(MountError)
    {
        mountPoint = path
        core = try SessionCore(filesystem, arguments: options.libraryArguments)
        guard let session = unsafe core.session else { throw .refused("libfuse made no session") }
        unsafe self.session = session
        do throws(Errno) {
            poller = try Poller()
            stopping = try EventCounter()
            try poller.add(stopping.rawDescriptor, .readable, token: 1)
        } catch { throw .refused("epoll: \(error)") }
        let device = try Mounting.mount(at: path, options).release()
        // SAFETY: the session is the core's own; from here on it owns the descriptor and closes it when it is destroyed.
        guard unsafe fuse_session_mount(session, "/dev/fd/\(device)") == 0 else {
            Mounting.unmount(path, device: device)
            _ = OwnedDescriptor(owning: device)
            throw .refused(LibraryLog.takeText())
        }
        isMounted = true
        do throws(Errno) { try poller.add(device, .readable, token: 0) } catch {
            unmount()
            throw .refused("epoll: \(error)")
        }
    }

    deinit { unmount() }

    /// Readable when a request waits; what to watch before calling `service()`.
    public var pollDescriptor: CInt { unsafe fuse_session_fd(session) }

    /// True when the mount has gone, or `stop` was called.
    public var hasEnded: Bool { unsafe fuse_session_exited(session) != 0 }

    /// Serves what waits, 64 requests at most, without blocking.
    ///
    /// - Returns: true when the session has ended: somebody unmounted it.
    /// - Throws: what reading the device failed with; the session is of no more use.
    public func service() throws(Errno) -> Bool {
        for _ in 0..<64 {
            switch try receiveAndProcess(into: &buffer) {
            case .processed: continue
            case .empty: return false
            case .ended: return true
            }
        }
        return hasEnded
    }

    public enum Step: Sendable, Hashable {
        case processed
        /// Nothing waits.
        case empty
        case ended
    }

    /// Serves one request, if one waits. Any number of threads, each with a buffer of its own.
    public func receiveAndProcess(into buffer: inout RequestBuffer) throws(Errno) -> Step {
        let step = try receive(into: &buffer)
        guard step == .processed else { return step }
        process(&buffer)
        return hasEnded ? .ended : .processed
    }

    /// Serves requests on this thread until the session ends or `stop()` is called.
    public func run() throws(Errno) {
        var buffer = RequestBuffer()
        while !hasEnded {
            try poller.wait(for: nil) { _ in }
            while try receiveAndProcess(into: &buffer) == .processed {}
        }
        // Whoever still waits looks again.
        stopping.signal()
    }

    /// Ends every `run()`; the mount stands until `unmount()`. From any thread.
    public func stop() {
        unsafe fuse_session_exit(session)
        stopping.signal()
    }

    /// Ends the connection and takes the mount away. Callers that wait get `ECONNABORTED`; kept requests answer nobody. Not
    /// while a thread serves the session, except that thread itself, between two requests.
    public func unmount() {
        guard isMounted else { return }
        isMounted = false
        stop()
        Mounting.unmount(mountPoint, device: pollDescriptor)
        let filesystem = core.filesystem
        core.filesystem = nil
        filesystem?.sessionEnded()
    }
}

/// Telling the kernel that what it cached is no longer so. Never from a thread that serves the session: the kernel may wait
/// for a request of the same file to be answered.
extension FUSESession {
    /// Drops cached attributes and, from `offset`, `byteCount` bytes of cached data (zero: to the end; a negative offset: no
    /// data).
    public func invalidate(_ inode: InodeNumber, offset: Int64 = 0, byteCount: Int64 = 0) throws(Errno) {
        let result = unsafe fuse_lowlevel_notify_inval_inode(
            session, inode.rawValue, off_t(offset), off_t(byteCount))
        try Self.notified(result)
    }

    /// Drops a cached name.
    public func invalidate(_ name: FileName, in parent: InodeNumber) throws(Errno) {
        let result = unsafe name.withCString {
            unsafe fuse_lowlevel_notify_inval_entry(session, parent.rawValue, $0, name.bytes.count)
        }
        try Self.notified(result)
    }

    /// What the kernel does not know (ENOENT) it need not forget.
    private static func notified(_ result: CInt) throws(Errno) {
        guard result == 0 || result == -Errno.noSuchFileOrDirectory.rawValue else {
            throw Errno(rawValue: -result)
        }
    }
}
