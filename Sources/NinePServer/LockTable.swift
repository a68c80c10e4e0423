import LinuxSystem
import NineP
import Synchronization
import SystemPackage

/// How many more ranges one client may hold.
final class LockQuota: Sendable {
    private let capacity: Int
    private let used = Atomic(0)

    init(_ capacity: Int) { self.capacity = capacity }

    var hasRoom: Bool { used.load(ordering: .relaxed) < capacity }
    var usedCount: Int { used.load(ordering: .relaxed) }
    func add(_ count: Int) { used.add(count, ordering: .relaxed) }
}

/// An owner, and the fid its lock is taken through: clunking that fid releases it.
struct LockHolder: Sendable {
    let owner: LockOwner
    let fidSerial: UInt64
    let fid: Fid
    let quota: LockQuota
}

/// All locks that clients hold, by file. Among clients this table decides; towards local processes each owner has
/// an open file description of its own, whose locks the kernel holds against everybody.
final class LockTable: Sendable {
    struct Conflict {
        let lock: RangeLock
        let process: UInt32
        let client: Name
    }

    private let files = Mutex<[Node.Identity: FileLocks]>([:])

    /// Never waits: `.blocked` when somebody else holds a conflicting lock, `.error` when the client holds too many.
    ///
    /// - Parameter open: makes a description for an owner's first lock.
    func set(
        _ lock: RangeLock, on node: Node, for holder: LockHolder, open: () throws(Errno) -> OpenFile
    ) throws(Errno) -> FileLock.Status {
        try withLocks(of: node) { locks throws(Errno) in
            if lock.kind == .unlock {
                try locks.unlock(lock, of: holder.owner, quota: holder.quota)
                return .success
            }
            guard holder.quota.hasRoom else { return .error }
            guard locks.conflict(with: lock, for: holder.owner) == nil else { return .blocked }
            let description = try locks.description(of: holder.owner, open)
            do throws(Errno) {
                if let description { try locks.claim(lock, for: holder, through: description) }
            } catch {
                locks.forgetIdleOwner(holder.owner)
                switch error {
                case .wouldBlock, .permissionDenied: return .blocked
                case .noLocks: return .error
                default: throw error
                }
            }
            locks.insert(lock, for: holder)
            return .success
        }
    }

    func conflict(
        with lock: RangeLock, on node: Node, for owner: LockOwner, open: () throws(Errno) -> OpenFile
    ) throws(Errno) -> Conflict? {
        try withLocks(of: node) { locks throws(Errno) in
            if let held = locks.conflict(with: lock, for: owner) {
                return Conflict(lock: held.lock, process: held.owner.process, client: held.owner.client)
            }
            // Nobody can be asked about a lock of `flock`.
            guard owner.call != .flock else { return nil }
            let description = try locks.description(of: owner, open)
            defer { locks.forgetIdleOwner(owner) }
            guard let found = try description?.description.conflict(with: lock) else { return nil }
            return Conflict(lock: found.lock, process: UInt32(max(0, found.process)), client: "server")
        }
    }

    /// What an owner holds of a file.
    func held(by owner: LockOwner, on node: Node) -> [FileLocks.Held] {
        withLocks(of: node) { locks in locks.held.filter { $0.owner == owner } }
    }

    /// - Returns: the owners that held something.
    func releaseAll(on node: Node, heldThrough fidSerial: UInt64, quota: LockQuota) -> Set<LockOwner> {
        withLocks(of: node) { $0.releaseAll(heldThrough: fidSerial, quota: quota) }
    }

    /// Runs `body` on the file's locks alone, and forgets the file when it has none left.
    private func withLocks<Result, Failure: Error>(
        of node: Node, _ body: (inout FileLocks.Contents) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let locks = files.withLock { files -> FileLocks in
            let locks = files[node.identity] ?? FileLocks()
            files[node.identity] = locks
            locks.userCount += 1
            return locks
        }
        defer {
            files.withLock { files in
                locks.userCount -= 1
                if locks.userCount == 0, locks.contents.withLock({ $0.isEmpty }) {
                    files[node.identity] = nil
                }
            }
        }
        return try locks.contents.withLock { contents throws(Failure) in try body(&contents) }
    }
}
