import LinuxSystem
import NineP
import Synchronization
import SystemPackage

/// The locks on one file.
final class FileLocks: @unchecked Sendable {
    /// How many requests look at it now; belongs to the table, and its lock.
    var userCount = 0
    let contents = Mutex(Contents())

    struct Held {
        let owner: LockOwner
        let fidSerial: UInt64
        let fid: Fid
        let kind: RangeLock.Kind
        let start: Int64
        /// The last byte; the largest there is for "to the end".
        let last: Int64

        var lock: RangeLock {
            RangeLock(kind, start: start, length: last == .max ? 0 : last - start + 1)
        }

        func overlaps(_ lock: RangeLock) -> Bool { start <= lock.last && lock.start <= last }

        func part(from start: Int64, to last: Int64) -> Held {
            Held(owner: owner, fidSerial: fidSerial, fid: fid, kind: kind, start: start, last: last)
        }
    }

    /// The rules of POSIX: an owner's newer lock replaces what it covers of its older ones, splitting them.
    struct Contents: Sendable {
        /// By start; those of one owner never overlap.
        private(set) var held: [Held] = []
        private var descriptions: [LockOwner: OpenFile] = [:]

        var isEmpty: Bool { held.isEmpty && descriptions.isEmpty }

        func conflict(with lock: RangeLock, for owner: LockOwner) -> Held? {
            held.first {
                $0.overlaps(lock) && $0.owner != owner && ($0.kind == .write || lock.kind == .write)
                    && $0.owner.meets(owner, $0.lock, lock)
            }
        }

        /// The owner's own description of the file. `nil` where the server may not open the file at all: then the
        /// lock holds among clients only.
        mutating func description(
            of owner: LockOwner, _ open: () throws(Errno) -> OpenFile
        ) throws(Errno) -> OpenFile? {
            if let description = descriptions[owner] { return description }
            do throws(Errno) {
                let description = try open()
                descriptions[owner] = description
                return description
            } catch .permissionDenied { return nil }
        }

        /// Takes the lock towards local processes.
        mutating func claim(
            _ lock: RangeLock, for holder: LockHolder, through file: OpenFile
        ) throws(Errno) {
            let owner = holder.owner
            let excludesFlock = owner.excludesFlock(lock)
            do throws(Errno) {
                if excludesFlock { try file.description.setWholeFileLock(lock.kind) }
                if owner.call != .flock { try file.description.setLock(lock.asFar(as: file)) }
            } catch {
                if excludesFlock { keepFlock(of: holder, file) }
                throw error
            }
        }

        /// The kernel may have dropped what was held by `flock` when the kind could not be changed: it is taken again, and
        /// if somebody else was quicker, the owner holds nothing, as after `flock` itself.
        private mutating func keepFlock(of holder: LockHolder, _ file: OpenFile) {
            let held = held.first { $0.owner == holder.owner && holder.owner.excludesFlock($0.lock) }
            do throws(Errno) { try file.description.setWholeFileLock(held?.kind ?? .unlock) } catch {
                guard holder.owner.call == .flock else { return }
                let before = self.held.count
                carve(RangeLock(.unlock, start: 0, length: 0), of: holder.owner)
                holder.quota.add(self.held.count - before)
            }
        }

        /// Gives up the `flock` of an owner that holds the whole file no more.
        private func settleFlock(of owner: LockOwner) throws(Errno) {
            guard owner.call != .fcntl, let file = descriptions[owner],
                !held.contains(where: { $0.owner == owner && owner.excludesFlock($0.lock) })
            else { return }
            try file.description.setWholeFileLock(.unlock)
        }

        mutating func insert(_ lock: RangeLock, for holder: LockHolder) {
            let before = held.count
            carve(lock, of: holder.owner)
            var new = Held(
                owner: holder.owner, fidSerial: holder.fidSerial, fid: holder.fid, kind: lock.kind,
                start: lock.start, last: lock.last)
            // Neighbours of the same kind become one.
            held.removeAll { other in
                guard other.owner == new.owner, other.fidSerial == new.fidSerial, other.kind == new.kind
                else {
                    return false
                }
                let touches =
                    (other.last < .max && other.last + 1 == new.start)
                    || (new.last < .max && new.last + 1 == other.start)
                if touches {
                    new = new.part(from: min(new.start, other.start), to: max(new.last, other.last))
                }
                return touches
            }
            let index = held.firstIndex { $0.start > new.start } ?? held.count
            held.insert(new, at: index)
            holder.quota.add(held.count - before)
            // An unlock of what is locked does not fail.
            try? settleFlock(of: holder.owner)
        }

        /// First towards local processes: what the kernel keeps (`ENOLCK`), the table must not forget.
        mutating func unlock(_ lock: RangeLock, of owner: LockOwner, quota: LockQuota) throws(Errno) {
            if owner.call != .flock { try descriptions[owner]?.description.setLock(lock) }
            let before = held.count
            carve(lock, of: owner)
            quota.add(held.count - before)
            try settleFlock(of: owner)
            forgetIdleOwner(owner)
        }

        /// - Returns: the owners that held something.
        mutating func releaseAll(heldThrough fidSerial: UInt64, quota: LockQuota) -> Set<LockOwner> {
            let released = held.filter { $0.fidSerial == fidSerial }
            held.removeAll { $0.fidSerial == fidSerial }
            quota.add(-released.count)
            for old in released {
                let lock = RangeLock(.unlock, start: old.lock.start, length: old.lock.length)
                // What the kernel will not split off goes with the owner's description.
                try? descriptions[old.owner]?.description.setLock(lock)
                try? settleFlock(of: old.owner)
            }
            let owners = Set(released.map(\.owner))
            for owner in owners { forgetIdleOwner(owner) }
            return owners
        }

        /// Closes the description of an owner that holds nothing any more.
        mutating func forgetIdleOwner(_ owner: LockOwner) {
            if !held.contains(where: { $0.owner == owner }) { descriptions[owner] = nil }
        }

        /// Takes the range out of what `owner` holds.
        private mutating func carve(_ lock: RangeLock, of owner: LockOwner) {
            var kept: [Held] = []
            kept.reserveCapacity(held.count + 1)
            for old in held {
                guard old.owner == owner, old.overlaps(lock) else {
                    kept.append(old)
                    continue
                }
                if old.start < lock.start { kept.append(old.part(from: old.start, to: lock.start - 1)) }
                if old.last > lock.last { kept.append(old.part(from: lock.last + 1, to: old.last)) }
            }
            kept.sort { $0.start < $1.start }
            held = kept
        }
    }
}

extension RangeLock {
    /// What a description that may only read, or only write, can hold of it: a read lock keeps local writers out,
    /// a write lock everybody.
    fileprivate func asFar(as description: OpenFile?) -> RangeLock {
        guard let description else { return self }
        if kind == .write, !description.canWrite { return RangeLock(.read, start: start, length: length) }
        if kind == .read, !description.canRead { return RangeLock(.write, start: start, length: length) }
        return self
    }
}
