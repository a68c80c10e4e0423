import LinuxSystem
import NineP
import SharedMemory
import SystemPackage
import VOPGuest
import Virtio
import Virtqueue

/// Going on where an earlier process was with this device: what was in flight is so again, what came meanwhile is taken,
/// and the session waits for its client as if that had just hung up.
extension NinePDriver {
    /// - Returns: false when what was written down cannot be: the device is reset.
    /// - Throws: `.peer` when a reply that came before is none any more.
    func resume() throws(GuestDriverError) -> Bool {
        guard let log, let entries = log.entries() else { return false }
        requests.resume(after: log.submitted)
        isDirty = log.submitted > 0
        var chains: [DriverQueue.Resumed] = []
        var replies: [UndeliveredReply] = []
        for entry in entries {
            guard claim(entry.record) else { return false }
            if let written = entry.written {
                if let reply = try reply(written, to: entry.record) { replies.append(reply) }
            } else if let chain = chain(entry) {
                chains.append(chain)
            } else {
                return false
            }
        }
        guard queue.ring.resume(committed: UInt16(truncatingIfNeeded: log.submitted), chains: chains) else {
            return false
        }
        resumeSession(replies)
        queue.notifyDevice()
        return true
    }

    /// Its memory is in use.
    private func claim(_ record: RequestRecord) -> Bool {
        if record.endsSession { return record.request == endRequest.range && record.reply == endReply.range }
        return pool.claim(record.request) && pool.claim(record.reply)
    }

    private func chain(_ entry: RequestLog.Entry) -> DriverQueue.Resumed? {
        guard requests.count < queue.ring.size.count else { return nil }
        // Two requests under one tag, of which the device may answer either.
        guard entry.record.isOrphan || !requests.isInUse(entry.record.tag) else { return nil }
        let token = requests.insert(entry.record)
        return DriverQueue.Resumed(
            descriptors: [entry.head, entry.last],
            sequence: UInt16(truncatingIfNeeded: entry.record.sequence),
            writableByteCount: UInt32(truncatingIfNeeded: entry.record.reply.byteCount), token: token)
    }

    /// A reply that may not have reached its client, checked once more: the device could write to it all along.
    private func reply(
        _ written: UInt32, to record: RequestRecord
    ) throws(GuestDriverError) -> UndeliveredReply? {
        // Nobody asks for the reply to a Tversion again.
        guard !record.isOrphan, !record.endsSession, record.type != RequestType.version.rawValue else {
            giveBack(record)
            return nil
        }
        do throws(PeerViolation) {
            guard try isReply(written, to: record) else {
                return UndeliveredReply(record: record, prefix: [], byteCount: 0)
            }
            let header = try checkedHeader(
                pool.buffer.window, at: pool.offset(of: record.reply), written, of: record)
            return UndeliveredReply(record: record, prefix: header, byteCount: Int(written))
        } catch { throw .peer(error) }
    }

    /// The session is kept for its client, if that is still there.
    private func resumeSession(_ replies: [UndeliveredReply]) {
        guard let session = keptSession(replies) else {
            for reply in replies { giveBack(reply.record) }
            log?.setClient(nil)
            requests.flushAll()
            requests.orphanAll()
            let end = SessionEnd(deadline: .now + settings.endLimit, isSent: requests.isEndingSession)
            phase = isDirty ? .ending(end) : .idle
            return
        }
        kept = session
        requests.unclaimAll()
        phase = .away
    }

    private func keptSession(_ replies: [UndeliveredReply]) -> KeptSession? {
        guard let client = log?.client, settings.graceLimit > .zero,
            client.messageSize <= messageSizeMaximum, !requests.isEndingSession
        else { return nil }
        do throws(Errno) {
            let peer = try WatchedProcess(client.process)
            guard peer.startTime == client.startTime else { return nil }
            try poller.add(peer.pollDescriptor, .readable, token: Self.peerToken)
            return KeptSession(
                peer: peer, deadline: .now + settings.graceLimit, messageSize: client.messageSize,
                replies: replies)
        } catch { return nil }
    }
}
