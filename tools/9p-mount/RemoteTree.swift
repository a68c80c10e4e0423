import FUSEMount
import LinuxSystem
import NineP
import NinePClient
import Synchronization
import SystemPackage

/// A tree of a 9P server's as the kernel's FUSE asks for it: each operation becomes the requests it takes, made on the thread
/// that received it. Any number of threads.
///
/// Nothing is remembered that another client could change: every name is walked again, every attribute asked for again. Who
/// may do what is decided by the server, for the one user who attached.
final class RemoteTree: FUSEFilesystem, Sendable {
    enum Caching: String, Sendable, CaseIterable {
        /// Every read and write goes to the server; shared mappings are refused (ENODEV).
        case none
        /// The page cache is used, and dropped when the file is seen to have changed; shared mappings work.
        case mmap
    }

    struct Settings: Sendable {
        var caching = Caching.none
        /// Others may look in: the kernel checks their permissions, and what they make is given to them.
        var allowsOthers = false
    }

    let session: Session
    let settings: Settings
    let nodes: NodeTable
    let handles = OpenHandles()
    let owners: LockOwners
    let lockWaiters: LockWaiters
    let callers = InterruptedCallers()
    let olderServer = OlderServer()
    /// Requests that ended with EIO because the server forgot the session while they were under way: nobody knows whether
    /// they were carried out.
    let inDoubt = Atomic(0)

    init(_ session: Session, root: RemoteFid, _ settings: Settings, lockClient: String) {
        (self.session, self.settings) = (session, settings)
        nodes = NodeTable(root: root)
        owners = LockOwners(client: lockClient)
        lockWaiters = LockWaiters()
    }

    var connectionSettings: ConnectionSettings {
        var settings = ConnectionSettings([
            .asynchronousRead, .asynchronousDirectIO, .parallelDirectoryOperations, .automaticInvalidation,
            .atomicTruncation, .posixLocks, .flockLocks,
        ])
        settings.maximumWriteByteCount = UInt32(RemoteTree.transferByteCount(session))
        return settings
    }

    /// The most the kernel asks for at once, which takes several messages, but not many.
    static func transferByteCount(_ session: Session) -> Int {
        let payload = Int(session.maximumMessageSize - Protocol9P.payloadHeaderByteCount)
        return min(1 << 20, max(1 << 17, 2 * payload & ~4095))
    }

    // MARK: One request

    /// Runs `body`, whose calls are given up when the caller is killed.
    func attempt<Value>(
        _ request: borrowing FUSERequest, _ body: (Interruption) throws(SessionError) -> Value
    ) -> Result<Value, SessionError> {
        let interruption = Interruption()
        let process = request.caller.process
        let isWaiting = request.onInterrupt { [callers] in callers.add(interruption, process) }
        if !isWaiting { callers.add(interruption, process) }
        defer { callers.remove(interruption) }
        while true {
            let epoch = session.epoch
            do throws(SessionError) { return .success(try body(interruption)) } catch {
                guard isWorthAnotherTry(error, interruption, since: epoch) else { return .failure(error) }
            }
        }
    }

    /// Whether an operation failed only because the server forgot the session meanwhile, and nothing it did can be done twice
    /// by making it again.
    private func isWorthAnotherTry(
        _ error: SessionError, _ interruption: Interruption, since epoch: Int
    ) -> Bool {
        switch error {
        case .renewed where !interruption.hasChanged: return true
        case .renewed:
            inDoubt.add(1, ordering: .relaxed)
            return false
        // A fid of the old session, asked of the new.
        case .refused(.badFileDescriptor): return session.epoch != epoch && !interruption.hasChanged
        default: return false
        }
    }

    /// For operations that answer nothing.
    func attemptSuccess(_ request: consuming FUSERequest, _ body: (Interruption) throws(SessionError) -> Void)
    {
        switch attempt(request, body) {
        case .success: request.succeed()
        case .failure(let error): request.fail(error.errno)
        }
    }

    func node(_ inode: InodeNumber) throws(SessionError) -> Node {
        guard let node = nodes[inode] else { throw .refused(.staleNFSFileHandle) }
        return node
    }

    func handle(_ file: OpenFile) throws(SessionError) -> OpenHandle {
        guard let handle = handles[file.handle] else { throw .refused(.badFileDescriptor) }
        return handle
    }
}

extension RemoteTree {
    /// The fid of an open file. Where the server has forgotten the session, a file that was locked has lost its locks: who
    /// believes to hold them must not go on.
    func fid(of handle: OpenHandle, _ interruption: Interruption?) throws(SessionError) -> RemoteFid {
        let known = handle.fid
        if known.isKnown { return known }
        guard !owners.hold(handle) else { throw .refused(.ioError) }
        return try handle.opened(interruption)
    }
}

extension FUSEMount.FileName {
    init(_ name: Name) { self.init(bytes: name.bytes) }
}

extension Name {
    init(_ name: FUSEMount.FileName) { self.init(name.bytes) }
}
