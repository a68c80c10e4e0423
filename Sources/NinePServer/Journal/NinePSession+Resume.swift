import LinuxSystem
import Logging
import NineP
import Synchronization
import SystemPackage

/// How a session goes on in another process.
extension NinePSession {
    /// Goes on with what the journal has of an earlier process's session: finds its files again, takes its locks. Before
    /// the first frame.
    ///
    /// - Returns: whether there was a session to go on with.
    @discardableResult
    public func resume() -> Bool {
        guard let journal else { return false }
        guard let beginning = journal.beginning else {
            beginJournal()
            return false
        }
        messageSize.store(beginning.messageSize, ordering: .relaxed)
        for (fid, record) in journal.fids { resume(fid, record, journal) }
        resumeLocks(journal)
        logger.notice(
            "the session of an earlier process goes on",
            metadata: [
                "fids": "\(fids.count)", "lost": "\(server.tallies.lostFids.load(ordering: .relaxed))",
                "requests": "\(journal.keptTokens.count)",
            ])
        return true
    }

    /// The session begins, or begins anew.
    func beginJournal() {
        guard let journal else { return }
        do throws(Errno) {
            try journal.begin(messageSize: messageSize.load(ordering: .relaxed), of: client, user: clientUser)
        } catch {
            logger.error(
                "the journal is full: the client's fids and locks end with this process",
                metadata: ["error": "\(error)"])
        }
    }

    private func resume(_ fid: Fid, _ record: FidRecord?, _ journal: SessionJournal) {
        guard var record, let attachment = attachment(of: record) else {
            return lose(fid, in: Attachment(server.exports[0], as: server.accounts.ofProcess))
        }
        var moved = false
        for rename in journal.madeRenames where rename.files[0].export == record.file.export {
            guard let old = rename.files[0].path?.appending(name: rename.names[0]),
                let new = rename.files[1].path?.appending(name: rename.names[1]),
                let path = record.file.path?.renamed(from: old, to: new)
            else { continue }
            record.file.path = path
            moved = true
        }
        let (entry, path): (FidEntry, [UInt8]?)
        do throws(Errno) {
            let (state, found) = try record.restored(among: server.exports)
            (entry, path) = (FidEntry(attachment, state, path: found), found)
            try fids.insert(entry, as: fid)
        } catch {
            logger.debug("a fid is lost", metadata: ["fid": "\(fid.rawValue)", "error": "\(error)"])
            return lose(fid, in: attachment)
        }
        server.tallies.resumedFids.add(1, ordering: .relaxed)
        if moved || path != record.file.path, let record = FidRecord(entry, withHandle: journal.usesHandles) {
            do throws(Errno) { try journal.apply([.put(SessionJournal.key(of: fid), record.encoded)]) } catch
            {
                logger.error(
                    "a new path could not be journaled", metadata: ["fid": "\(fid)", "error": "\(error)"])
            }
        }
    }

    /// Fids of one attach share it again. `nil` when there is no such export or user any more: then they are lost.
    private func attachment(of record: FidRecord) -> Attachment? {
        let key = "\(record.user) \(record.file.export)"
        return attachments.withLock { attachments in
            if let attachment = attachments[key] { return attachment }
            guard let export = server.exports.first(where: { $0.name == record.file.export }),
                let identity = try? server.accounts.identity(resumed: record.user)
            else { return nil }
            let attachment = Attachment(export, as: identity)
            attachments[key] = attachment
            return attachment
        }
    }

    /// Counted, and ESTALE for whoever uses it; EBADF where there is no room even for that.
    private func lose(_ fid: Fid, in attachment: Attachment) {
        server.tallies.lostFids.add(1, ordering: .relaxed)
        try? fids.insert(FidEntry(attachment, .lost, path: nil), as: fid)
    }

}
