import LinuxSystem
import NineP
import Synchronization
import SystemPackage

/// lock and getlock.
extension NinePSession {
    func setLock(_ fid: Fid, _ lock: FileLock, on worker: Worker) throws(Errno) -> FileLock.Status {
        let entry = try fids.entry(fid)
        let node = try lockable(entry)
        let wanted = try RangeLock(lock)
        let owner = owner(of: lock)
        guard owner.call != .flock || wanted.isWholeFile else { throw .invalidArgument }
        let holder = LockHolder(owner: owner, fidSerial: entry.serial, fid: fid, quota: lockQuota)
        entry.tookLocks.store(true, ordering: .relaxed)
        let status = try server.locks.set(wanted, on: node, for: holder) { () throws(Errno) in
            try lockDescription(of: node, entry, worker)
        }
        if status == .success { worker.request?.lockChanges.append((node, owner)) }
        return status
    }

    func findLock(_ fid: Fid, _ lock: FileLock, on worker: Worker) throws(Errno) -> FileLock {
        let entry = try fids.entry(fid)
        let node = try lockable(entry)
        let wanted = try RangeLock(lock)
        guard wanted.kind != .unlock else { throw .invalidArgument }
        let found = try server.locks.conflict(with: wanted, on: node, for: owner(of: lock)) {
            () throws(Errno) in
            try lockDescription(of: node, entry, worker)
        }
        guard let found else {
            return FileLock(
                kind: .unlock, start: lock.start, length: lock.length, processID: lock.processID,
                clientID: lock.clientID)
        }
        return FileLock(
            kind: found.lock.kind == .write ? .write : .read, start: UInt64(found.lock.start),
            length: UInt64(found.lock.length), processID: found.process, clientID: found.client)
    }

    func releaseLocks(of entry: FidEntry, on worker: Worker) {
        guard entry.tookLocks.load(ordering: .relaxed), case .open(let node, _) = entry.current else {
            return
        }
        for owner in server.locks.releaseAll(on: node, heldThrough: entry.serial, quota: lockQuota) {
            worker.request?.lockChanges.append((node, owner))
        }
    }

    private func lockable(_ entry: FidEntry) throws(Errno) -> Node {
        let (node, file) = try entry.openFile()
        guard !file.isDirectory else { throw .isDirectory }
        return node
    }

    private func owner(of lock: FileLock) -> LockOwner {
        LockOwner(session: ObjectIdentifier(self), client: lock.clientID, process: lock.processID)
    }

    /// A description of the owner's own, opened with the server's rights: the lock is the client's to have, as
    /// its fid is open. One that may only read can still keep local writers out.
    private func lockDescription(of node: Node, _ entry: FidEntry, _ worker: Worker) throws(Errno) -> OpenFile
    {
        try worker.actAsServer()
        return try NinePSession.lockDescription(of: node, entry.attachment.export)
    }

    static func lockDescription(of node: Node, _ export: Export) throws(Errno) -> OpenFile {
        var modes: [DataAccess] = [.readWrite, .readOnly, .writeOnly]
        if export.policy.isReadOnly { modes = [.readOnly] }
        var failure = Errno.permissionDenied
        for mode in modes {
            do throws(Errno) {
                return OpenFile(try node.descriptor.reopened(mode), access: mode, isDirectory: false)
            } catch { failure = error }
        }
        throw failure
    }
}

extension RangeLock {
    /// - Throws: `EINVAL` for a kind that does not exist or a start beyond 2^63 - 1, `EOVERFLOW` for an end beyond.
    init(_ lock: FileLock) throws(Errno) {
        let kind: Kind
        switch lock.kind {
        case .read: kind = .read
        case .write: kind = .write
        case .unlock: kind = .unlock
        default: throw .invalidArgument
        }
        guard let start = Int64(exactly: lock.start) else { throw .invalidArgument }
        // Clients state "to the end" as zero or as the largest length there is.
        let (last, overflow) = lock.start.addingReportingOverflow(lock.length &- 1)
        if lock.length == 0 || (!overflow && last == UInt64(Int64.max)) {
            self.init(kind, start: start, length: 0)
        } else {
            guard !overflow, last < UInt64(Int64.max), let length = Int64(exactly: lock.length) else {
                throw .overflow
            }
            self.init(kind, start: start, length: length)
        }
    }

    /// The last byte; the largest there is when it reaches to the end.
    var last: Int64 { length == 0 ? .max : start + length - 1 }
}
