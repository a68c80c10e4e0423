import FUSEMount
import NineP
import NinePClient
import Synchronization
import SystemPackage

/// fcntl and flock locks, both as the protocol's byte ranges: the whole range for flock. The server keeps them, so that they
/// hold between its clients; the name they are asked in says which of the two they are.
extension RemoteTree {
    func getLock(
        _ request: consuming FUSERequest, _ inode: InodeNumber, _ lock: FUSEMount.FileLock, file: OpenFile
    ) {
        let found = attempt(request) { interruption throws(SessionError) in
            let handle = try handle(file)
            let asked = owners.lock(lock, file.lockOwner, lock.process, .fcntl)
            let found = try session.conflict(
                with: asked, on: fid(of: handle, interruption).fid, interruption: interruption)
            return FUSEMount.FileLock(
                FUSEMount.FileLock.Kind(found.kind), start: found.start, byteCount: found.length,
                process: owners.isOurs(found.clientID) ? owners.process(found.processID) : 0)
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
        let asked = owners.lock(lock, file.lockOwner, lock.process, .fcntl)
        set(request, asked, waits: waits, file)
    }

    func setWholeFileLock(
        _ request: consuming FUSERequest, _ inode: InodeNumber, _ lock: WholeFileLock, file: OpenFile
    ) {
        let process = request.caller.process
        let range = FUSEMount.FileLock(FUSEMount.FileLock.Kind(lock.kind), process: process)
        let asked = owners.lock(range, file.lockOwner, process, .flock)
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
        case .success((_, .success)) where lock.kind == .unlock: request.succeed()
        case .success((let handle, .success)):
            let older = owners.locked(file.lockOwner, lock, through: handle)
            if !request.succeed().isDelivered { undo(lock, handle, file.lockOwner, restoring: older) }
        case .success((let handle, .blocked)) where waits: wait(request, lock, handle, file.lockOwner)
        case .success((_, .blocked)): request.fail(.resourceTemporarilyUnavailable)
        case .success: request.fail(.noLocks)
        case .failure(let error):
            // Given up half way it may have been granted all the same.
            if error == .interrupted, lock.kind != .unlock, let handle = handles[file.handle] {
                undo(lock, handle, file.lockOwner)
            }
            request.fail(error.errno)
        }
    }

    private func wait(
        _ request: consuming FUSERequest, _ lock: NineP.FileLock, _ handle: OpenHandle, _ owner: UInt64
    ) {
        let older = Mutex<[HeldLock]?>(nil)
        lockWaiters.add(request) { [self] in
            undo(lock, handle, owner, restoring: older.withLock { $0.take() })
        } attempt: { [self] interruption in
            do throws(SessionError) {
                let fid = try fid(of: handle, interruption)
                switch try session.lock(fid.fid, lock, .block, interruption: interruption) {
                case .success:
                    older.withLock { $0 = owners.locked(owner, lock, through: handle) }
                    return .granted
                case .blocked: return .blocked
                default: return .failed(.noLocks)
                }
            } catch { return .failed(error.errno) }
        }
    }

    /// A lock nobody was told of: its owner holds what it held before.
    ///
    /// - Parameter older: what that is within the lock's range, where the lock is among the owner's already.
    func undo(
        _ lock: NineP.FileLock, _ handle: OpenHandle, _ owner: UInt64, restoring older: [HeldLock]? = nil
    ) {
        let older = older ?? owners.held(owner, within: lock, of: handle.node)
        owners.set(owner, to: older, within: lock, of: handle.node)
        var gaps = [lock]
        for held in older {
            restore(held.lock, through: held.handle)
            gaps = gaps.flatMap { $0.parts(outside: held.lock) }
        }
        for var gap in gaps {
            gap.kind = .unlock
            restore(gap, through: handle)
        }
    }

    private func restore(_ lock: NineP.FileLock, through handle: OpenHandle) {
        let fid = handle.fid
        // Where the server has forgotten the fid, its locks are gone with it.
        guard fid.isKnown else { return }
        do throws(SessionError) {
            let status = try session.lock(fid.fid, lock)
            if status != .success { tellUnrestored(lock, "the server answers \(status)") }
        } catch .ended, .renewed {
            // No locks of ours are left there.
        } catch { tellUnrestored(lock, "\(error)") }
    }

    private func tellUnrestored(_ lock: NineP.FileLock, _ reason: String) {
        let what = lock.kind == .unlock ? "is locked" : "is no longer locked"
        Report.write(
            "9p-mount: a range at byte \(lock.start) \(what) for process \(lock.processID), which does not know: "
                + "\(reason)", to: 2)
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
        owners.set(owner, to: [], within: lock, of: handle.node)
    }

    /// A process closes a descriptor, or the last one is gone: its locks of the file go, all of them.
    func releaseLocks(
        of owner: UInt64, on inode: InodeNumber, _ interruption: Interruption
    ) throws(SessionError) {
        guard let node = nodes[inode] else { return }
        let handles = owners.handles(of: owner, on: node)
        guard !handles.isEmpty else { return owners.forgetIfIdle(owner) }
        let everything = owners.lock(FUSEMount.FileLock(.unlock), owner, 0, .fcntl)
        owners.unlocked(owner, on: node)
        for fid in handles.map(\.fid) where fid.isKnown {
            _ = try session.lock(fid.fid, everything, interruption: interruption)
        }
    }
}

extension LockOwners {
    /// The protocol's form of a lock.
    func lock(
        _ lock: FUSEMount.FileLock, _ owner: UInt64, _ process: CInt, _ call: Call
    ) -> NineP.FileLock {
        NineP.FileLock(
            kind: NineP.FileLock.Kind(lock.kind), start: lock.start, length: lock.byteCount,
            processID: processID(of: owner, process), clientID: client(call))
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
