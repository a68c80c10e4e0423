import FUSEMount
import NineP
import NinePClient
import SystemPackage

/// fcntl and flock locks, both as the protocol's byte ranges: the whole range for flock. The server keeps them, so that they
/// hold between its clients.
extension RemoteTree {
    func getLock(
        _ request: consuming FUSERequest, _ inode: InodeNumber, _ lock: FUSEMount.FileLock, file: OpenFile
    ) {
        let found = attempt(request) { interruption throws(SessionError) in
            let handle = try handle(file)
            let asked = owners.lock(lock, file.lockOwner, lock.process)
            let found = try session.conflict(
                with: asked, on: fid(of: handle, interruption).fid, interruption: interruption)
            return FUSEMount.FileLock(
                FUSEMount.FileLock.Kind(found.kind), start: found.start, byteCount: found.length,
                process: found.clientID == owners.client ? owners.process(found.processID) : 0)
        }
        switch found {
        case .success(let lock): request.reply(lock)
        case .failure(let error): request.fail(error.errno)
        }
    }

    func setLock(
        _ request: consuming FUSERequest, _ inode: InodeNumber, _ lock: FUSEMount.FileLock, waits: Bool,
        file: OpenFile
    ) {
        let asked = owners.lock(lock, file.lockOwner, lock.process)
        set(request, asked, waits: waits, file)
    }

    func setWholeFileLock(
        _ request: consuming FUSERequest, _ inode: InodeNumber, _ lock: WholeFileLock, file: OpenFile
    ) {
        let process = request.caller.process
        let range = FUSEMount.FileLock(FUSEMount.FileLock.Kind(lock.kind), process: process)
        let asked = owners.lock(range, file.lockOwner, process)
        set(request, asked, waits: lock.waits, file)
    }

    private func set(_ request: consuming FUSERequest, _ lock: NineP.FileLock, waits: Bool, _ file: OpenFile)
    {
        let attempted = attempt(request) { interruption throws(SessionError) in
            let handle = try handle(file)
            guard lock.kind != .unlock else {
                try unlock(lock, handle, file.lockOwner, interruption)
                return (handle, NineP.FileLock.Status.success)
            }
            let flags: NineP.FileLock.Flags = waits ? .block : []
            return (
                handle,
                try session.lock(fid(of: handle, interruption).fid, lock, flags, interruption: interruption)
            )
        }
        switch attempted {
        case .success((let handle, .success)):
            if lock.kind != .unlock { owners.locked(file.lockOwner, lock.processID, through: handle) }
            if !request.succeed().isDelivered, lock.kind != .unlock { undo(lock, handle) }
        case .success((let handle, .blocked)) where waits: wait(request, lock, handle, file.lockOwner)
        case .success((_, .blocked)): request.fail(.resourceTemporarilyUnavailable)
        case .success: request.fail(.noLocks)
        case .failure(let error): request.fail(error.errno)
        }
    }

    private func wait(
        _ request: consuming FUSERequest, _ lock: NineP.FileLock, _ handle: OpenHandle, _ owner: UInt64
    ) {
        lockWaiters.add(request) { [self] in
            undo(lock, handle)
        } attempt: { [self] in
            do throws(SessionError) {
                switch try session.lock(fid(of: handle, nil).fid, lock, .block) {
                case .success:
                    owners.locked(owner, lock.processID, through: handle)
                    return .granted
                case .blocked: return .blocked
                default: return .failed(.noLocks)
                }
            } catch { return .failed(error.errno) }
        }
    }

    /// A lock nobody was told of.
    private func undo(_ lock: NineP.FileLock, _ handle: OpenHandle) {
        var lock = lock
        lock.kind = .unlock
        let fid = handle.fid
        if fid.isKnown { _ = try? session.lock(fid.fid, lock) }
    }

    /// Through the file it was asked through, and through whatever else the owner locked it.
    private func unlock(
        _ lock: NineP.FileLock, _ handle: OpenHandle, _ owner: UInt64, _ interruption: Interruption
    ) throws(SessionError) {
        let others = owners.handles(of: owner, on: handle.node).filter { $0 !== handle }
        // Where the server has forgotten the fid, the lock is gone too.
        for fid in ([handle] + others).map(\.fid) where fid.isKnown {
            _ = try session.lock(fid.fid, lock, interruption: interruption)
        }
    }

    /// A process closes a descriptor, or the last one is gone: its locks of the file go, all of them.
    func releaseLocks(
        of owner: UInt64, on inode: InodeNumber, _ interruption: Interruption
    ) throws(SessionError) {
        guard let node = nodes[inode] else { return }
        let handles = owners.handles(of: owner, on: node)
        guard !handles.isEmpty else { return owners.forgetIfIdle(owner) }
        let everything = owners.lock(FUSEMount.FileLock(.unlock), owner, 0)
        owners.unlocked(owner, on: node)
        for fid in handles.map(\.fid) where fid.isKnown {
            _ = try session.lock(fid.fid, everything, interruption: interruption)
        }
    }
}

extension LockOwners {
    /// The protocol's form of a lock.
    func lock(_ lock: FUSEMount.FileLock, _ owner: UInt64, _ process: CInt) -> NineP.FileLock {
        NineP.FileLock(
            kind: NineP.FileLock.Kind(lock.kind), start: lock.start, length: lock.byteCount,
            processID: processID(of: owner, process), clientID: client)
    }
}

extension NineP.FileLock.Kind {
    init(_ kind: FUSEMount.FileLock.Kind) {
        self =
            switch kind {
            case .read: .read
            case .write: .write
            case .unlock: .unlock
            }
    }
}

extension FUSEMount.FileLock.Kind {
    init(_ kind: NineP.FileLock.Kind) { self = kind == .read ? .read : kind == .write ? .write : .unlock }

    init(_ kind: WholeFileLock.Kind) {
        self =
            switch kind {
            case .shared: .read
            case .exclusive: .write
            case .unlock: .unlock
            }
    }
}
