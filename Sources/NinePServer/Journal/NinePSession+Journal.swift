import LinuxSystem
import Logging
import NineP
import Synchronization
import SystemPackage

/// How a journal is kept while requests are served.
extension NinePSession {
    /// Executes `job`, or answers it from the journal if an earlier process did.
    func execute(_ job: Job, on worker: Worker) -> [UInt8] {
        guard let journal, job.request.mayNeedJournal else { return executed(job, on: worker) }
        guard let reserved = journalByteCount(for: job) else { return executed(job, on: worker) }
        var verdict: Verdict?
        if job.isRedelivered, let earlier = journal.kept(job.token) {
            guard earlier.frameSum == job.frameSum else {
                return refuse(job, .ioError, "the request is not the one that was delivered before")
            }
            if case .reply(let frame) = earlier.kept {
                server.tallies.answeredAgain.add(1, ordering: .relaxed)
                return frame
            }
            verdict = journal.verdicts[job.token] ?? .undecidable
        }
        do throws(Errno) { try journal.journal.reserve(reserved, isLast: job.request.endsFid) } catch {
            return refuse(job, error, "the journal is full")
        }
        let request = JournaledRequest(job, journal, server.turns, verdict)
        worker.request = request
        let frame = executed(job, on: worker)
        worker.request = nil
        if request.hasIntent { KillPoint.reach(.afterSideEffect) }
        if request.isUndecidable {
            server.tallies.undecided.add(1, ordering: .relaxed)
            logger.warning(
                "a request was delivered again, and nobody can say whether it was carried out: EIO",
                metadata: ["request": "\(job.request.type)", "tag": "\(job.tag.rawValue)"])
        }
        conclude(job, frame, request, reserved: reserved)
        request.finish()
        KillPoint.reach(.afterJournal)
        return frame
    }

    private func refuse(_ job: Job, _ error: Errno, _ reason: String) -> [UInt8] {
        logger.error(
            "refused: \(reason)", metadata: ["tag": "\(job.tag.rawValue)", "error": "\(error)"])
        return Reply.error(code: UInt32(error.rawValue)).encoded(tag: job.tag)
    }

    /// The reply and what became of the fids, in one record.
    private func conclude(_ job: Job, _ frame: [UInt8], _ request: JournaledRequest, reserved: Int) {
        guard let journal else { return }
        let isError = frame.count > 4 && frame[4] == 7
        var changes: [Journal.Change] = []
        for use in job.uses where use.isExclusive {
            // A fid that is not there is one that the request ended, or was refused for.
            if let entry = try? fids.entry(use.fid) {
                guard !isError, let record = FidRecord(entry, withHandle: journal.usesHandles) else {
                    continue
                }
                changes.append(.put(SessionJournal.key(of: use.fid), record.encoded))
            } else if job.request.endsFid {
                changes.append(.delete(SessionJournal.key(of: use.fid)))
            }
        }
        if let renamed = request.renamedPath { changes += pathChanges(after: renamed) }
        guard request.hasIntent || !changes.isEmpty || !request.lockChanges.isEmpty else {
            return journal.journal.release(reserved)
        }
        changes.append(SessionJournal.replyChange(frame, job.token, frameSum: job.frameSum))
        do throws(Errno) {
            try lockTurn.withLock { _ throws(Errno) in
                try journal.apply(changes + locks(after: request), reserved: reserved)
            }
        } catch {
            // Room for the rest was reserved, but not for what a directory's rename changes.
            logger.critical("a reply could not be journaled", metadata: ["error": "\(error)"])
        }
    }

    /// Every fid of this client whose file was beneath what was renamed; those of other clients are journaled here.
    private func pathChanges(
        after renamed: (export: Export, from: [UInt8], to: [UInt8])
    ) -> [Journal.Change] {
        for other in server.journaledSessions where other !== self {
            do throws(Errno) { try other.journal?.apply(other.changedPaths(renamed)) } catch {
                // A successor finds them by their inodes, or answers ESTALE, counted.
                other.logger.error("new paths could not be journaled", metadata: ["error": "\(error)"])
            }
        }
        return changedPaths(renamed)
    }

    private func changedPaths(
        _ renamed: (export: Export, from: [UInt8], to: [UInt8])
    ) -> [Journal.Change] {
        guard let journal else { return [] }
        var changes: [Journal.Change] = []
        for (fid, entry) in fids.renamePaths(in: renamed.export, from: renamed.from, to: renamed.to) {
            guard let record = FidRecord(entry, withHandle: journal.usesHandles) else { continue }
            changes.append(.put(SessionJournal.key(of: fid), record.encoded))
        }
        return changes
    }

    /// Part of an attribute's value has come.
    func noteXattrPart(_ fid: Fid, _ entry: FidEntry) throws(Errno) {
        guard let journal else { return }
        // One at a time, so that the last to be written is the newest.
        try xattrTurn.withLock { _ throws(Errno) in
            guard let record = FidRecord(entry, withHandle: journal.usesHandles) else { return }
            try journal.apply([.put(SessionJournal.key(of: fid), record.encoded)])
        }
    }

    /// How much a journaled request may come to write, `nil` for one that needs no journal.
    private func journalByteCount(for job: Job) -> Int? {
        var byteCount = 2048
        // A request that names a fid nobody made is refused for that when it is carried out.
        switch job.request {
        case .write(let fid, _, _):
            guard case .open(_, let file) = (try? fids.entry(fid))?.current, file.access.contains(.append)
            else { return nil }
        case .setattr(_, let change):
            guard change.valid.contains(.size) else { return nil }
        default: break
        }
        for use in job.uses {
            guard let entry = try? fids.entry(use.fid) else { continue }
            byteCount += 2 * (entry.path?.count ?? 0) + entry.xattrByteCount
        }
        return byteCount + 2 * job.nameByteCount
    }
}

extension Request {
    /// Whether it may be one that changes fids, or must not be carried out twice.
    var mayNeedJournal: Bool {
        switch self {
        case .version, .flush, .auth, .read, .readdir, .getattr, .statfs, .fsync, .readlink, .getlock: false
        case .walk(let fid, let newFid, let names): fid != newFid || !names.isEmpty
        case .attach, .lopen, .lcreate, .write, .clunk, .remove, .setattr, .symlink, .mknod, .mkdir, .link,
            .rename, .renameat, .unlinkat, .xattrwalk, .xattrcreate, .lock:
            true
        }
    }

    /// Whether its fid is gone whatever the reply.
    fileprivate var endsFid: Bool {
        switch self {
        case .clunk, .remove: true
        default: false
        }
    }
}

extension Job {
    /// Bytes of the names it carries.
    fileprivate var nameByteCount: Int {
        switch request {
        case .walk(_, _, let names): names.reduce(0) { $0 + $1.bytes.count }
        default: 1024
        }
    }
}
