import FUSEMount
import LinuxSystem
import NineP
import NinePClient
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

    init(_ session: Session, root: RemoteFid, _ settings: Settings, lockClient: Name) {
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

    /// The most the kernel asks for at once: whole pages that fit one message, or, where messages are small, several.
    static func transferByteCount(_ session: Session) -> Int {
        let payload = Int(session.maximumMessageSize - Protocol9P.payloadHeaderByteCount)
        return min(1 << 20, max(1 << 17, payload & ~4095))
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
        do throws(SessionError) { return .success(try body(interruption)) } catch { return .failure(error) }
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

extension FUSEMount.FileName {
    init(_ name: Name) { self.init(bytes: name.bytes) }
}

extension Name {
    init(_ name: FUSEMount.FileName) { self.init(name.bytes) }
}
