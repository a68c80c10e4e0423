import LinuxSystem
import Logging
import NineP
import Synchronization
import SystemPackage

/// Locks in the journal: what each owner holds of each file, whole, since its ranges split and join.
extension NinePSession {
    /// What the owners whose locks `request` changed hold now. Called alone, so that the last to be written is so.
    func locks(after request: JournaledRequest) -> [Journal.Change] {
        request.lockChanges.map { node, owner in
            var bytes: [UInt8] = []
            bytes.put(bytes: owner.client.bytes)
            bytes.put(owner.process)
            let key = Journal.Key(
                SessionJournal.Kind.locks,
                JournalChecksum.of((bytes + node.identity.bytes)[...]))
            let held = server.locks.held(by: owner, on: node)
            guard !held.isEmpty else { return .delete(key) }
            for range in held {
                bytes.put(range.fid.rawValue)
                bytes.put(range.kind.rawValue)
                bytes.put(range.lock.start)
                bytes.put(range.lock.length)
            }
            return .put(key, bytes)
        }
    }

    /// Takes every lock again; a fid through which one cannot be had is lost, since its holder relies on it.
    func resumeLocks(_ journal: SessionJournal) {
        for value in journal.locks {
            var reader = JournalReader(value[...])
            guard let client = reader.takeBytes(), let process = reader.take(UInt32.self) else { continue }
            let owner = LockOwner(
                session: ObjectIdentifier(self), client: Name(client), process: process)
            while let fid = reader.take(UInt32.self), let kind = reader.take(Int32.self),
                let start = reader.take(Int64.self), let length = reader.take(Int64.self),
                let kind = RangeLock.Kind(rawValue: kind)
            {
                resume(RangeLock(kind, start: start, length: length), of: owner, through: Fid(rawValue: fid))
            }
        }
    }

    private func resume(_ lock: RangeLock, of owner: LockOwner, through fid: Fid) {
        // Its fid was lost before it.
        guard let entry = try? fids.entry(fid), case .open(let node, _) = entry.current else {
            server.tallies.lostLocks.add(1, ordering: .relaxed)
            return
        }
        let holder = LockHolder(owner: owner, fidSerial: entry.serial, fid: fid, quota: lockQuota)
        entry.tookLocks.store(true, ordering: .relaxed)
        let export = entry.attachment.export
        var reason = "somebody else has it by now"
        do throws(Errno) {
            let status = try server.locks.set(lock, on: node, for: holder) { () throws(Errno) in
                try NinePSession.lockDescription(of: node, export)
            }
            guard status != .success else {
                server.tallies.resumedLocks.add(1, ordering: .relaxed)
                return
            }
        } catch { reason = "\(error)" }
        server.tallies.lostLocks.add(1, ordering: .relaxed)
        server.tallies.lostFids.add(1, ordering: .relaxed)
        logger.warning(
            "a lock cannot be had again: its fid is lost",
            metadata: ["fid": "\(fid.rawValue)", "reason": "\(reason)"])
        _ = server.locks.releaseAll(on: node, heldThrough: entry.serial, quota: lockQuota)
        entry.become(.lost)
    }
}

extension SessionJournal {
    var locks: [[UInt8]] {
        journal.keys(ofKind: Kind.locks).compactMap { journal.value(Journal.Key(Kind.locks, $0)) }
    }
}

extension Node.Identity {
    fileprivate var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.put(device)
        bytes.put(inode)
        return bytes
    }
}
