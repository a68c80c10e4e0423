import LinuxSystem
import NineP
import SharedMemory
import SystemPackage
import VOPGuest

/// Keeping a session without its client, and letting the same client go on (Documentation/decisions/13).
///
/// ```
///   client ──hangs up, its process lives──► away ──limit over, or the process ended──► ending
///     ▲                                      │ connects
///     │   first frame Tversion: fresh        ▼
///     ├────────────────────────────────── candidate ──anything else, of another process: EPROTO──► away
///     │                                      │ anything else, of the same process
///     └────── Tflush NOTAG ── resuming ◄─────┘ unanswered frames come again, and are joined
/// ```
extension NinePDriver {
    /// Keeps the session of a client that is gone.
    ///
    /// - Returns: false when there is nobody who could come back for it.
    func keep(_ client: NinePClientConnection) -> Bool {
        guard client.hasSession, settings.graceLimit > .zero, let peer = client.peer, !peer.hasEnded else {
            return false
        }
        do throws(Errno) {
            try poller.add(peer.pollDescriptor, .readable, token: Self.peerToken)
        } catch { return false }
        var session = KeptSession(
            peer: peer, deadline: .now + settings.graceLimit, messageSize: client.messageSize,
            replies: kept?.replies ?? [])
        for reply in client.outgoing {
            // Nobody asks for the reply to a Tversion again.
            guard reply.record.askedMessageSize == nil else {
                giveBack(reply.record)
                continue
            }
            session.replies.append(
                UndeliveredReply(record: reply.record, prefix: reply.prefix, byteCount: reply.byteCount))
        }
        kept = session
        requests.unclaimAll()
        return true
    }

    /// The session's time is over, or its process has ended.
    func endKept() {
        guard kept != nil else { return }
        if case .client(let client) = phase { unwatch(client.socket.rawDescriptor) }
        dropKept()
        log?.setClient(nil)
        requests.flushAll()
        requests.orphanAll()
        phase = isDirty ? .ending(SessionEnd(deadline: .now + settings.endLimit)) : .idle
    }

    func dropKept() {
        guard let session = kept else { return }
        unwatch(session.peer.pollDescriptor)
        for reply in session.replies { giveBack(reply.record) }
        kept = nil
    }

    func giveBack(_ record: RequestRecord) {
        pool.give(record.request)
        pool.give(record.reply)
        if let slot = record.slot { log?.clear(slot) }
    }

    // MARK: The next client

    /// A candidate's first frame says what it wants.
    ///
    /// - Returns: false when it cannot have it, and is hung up on.
    func decide(_ client: NinePClientConnection, _ outline: RequestOutline) -> Bool {
        guard client.standing == .candidate else { return true }
        if case .version = outline.kind {
            dropKept()
            requests.flushAll()
            requests.orphanAll()
            client.standing = .session
            return true
        }
        guard let session = kept, session.isOf(client.peer) else {
            // It hears why, if it listens.
            _ = try? client.socket.write(
                Reply.error(code: Self.unknownSession).encoded(tag: outline.header.tag)[...])
            clientLeft()
            return false
        }
        unwatch(session.peer.pollDescriptor)
        client.messageSize = session.messageSize
        client.hasSession = true
        client.standing = .resuming
        return true
    }

    /// EPROTO
    private static let unknownSession: UInt32 = 71

    // MARK: Frames that come again

    /// What a frame of a client that resumes may be the same as.
    ///
    /// A kept reply whose tag is used for something else has arrived: whoever was to note that was killed.
    ///
    /// - Parameter staged: how the frame begins.
    func original(of outline: RequestOutline, beginning staged: ArraySlice<UInt8>) -> JoiningRequest? {
        let tag = outline.header.tag
        if let (token, record) = requests.unclaimed(tag) {
            return JoiningRequest(.inFlight(token: token), record, outline)
        }
        while let reply = kept?.replies.first(where: { $0.record.tag == tag }) {
            let joining = JoiningRequest(.answered, reply.record, outline)
            if joining.isSame, zip(staged, reply.record.prefix).allSatisfy(==) { return joining }
            dropReply(to: reply.record)
        }
        return nil
    }

    private func dropReply(to record: RequestRecord) {
        kept?.replies.removeAll { $0.record.sequence == record.sequence }
        giveBack(record)
    }

    /// Compares what has come of a frame.
    ///
    /// - Returns: whether to go on reading.
    func join(_ client: NinePClientConnection) -> Bool {
        guard var joining = client.joining else { return true }
        let bytes = client.take(min(client.stagedCount, joining.missing))
        joining.isSame =
            joining.isSame && bytes.elementsEqual(original(joining.record, joining.compared, bytes.count))
        joining.compared += bytes.count
        client.joining = joining
        guard joining.missing == 0 else { return true }
        client.joining = nil
        // Another request under a tag in use: two replies would be one. Under that of a kept reply, see `original`, it is a new
        // one when it comes again.
        guard joining.isSame else {
            if case .answered = joining.original { dropReply(to: joining.record) }
            clientLeft()
            return false
        }
        claim(joining, client)
        if joining.outline.endsResumption { finishResumption(client) }
        return true
    }

    /// The first bytes are private; what follows them is what the device was given.
    private func original(_ record: RequestRecord, _ start: Int, _ count: Int) -> [UInt8] {
        let end = min(start + count, Int(record.request.byteCount))
        guard start < end else { return [] }
        let split = min(max(start, record.prefix.count), end)
        let rest = pool.buffer.window.bytes(
            at: pool.offset(of: record.request) + split, byteCount: end - split)
        return record.prefix.dropFirst(start).prefix(split - start) + rest
    }

    private func claim(_ joining: JoiningRequest, _ client: NinePClientConnection) {
        switch joining.original {
        case .inFlight(let token): requests.claim(token)
        case .answered:
            guard let index = kept?.replies.firstIndex(where: { $0.record.tag == joining.record.tag }),
                let reply = kept?.replies.remove(at: index)
            else { return }
            if let sequence = reply.record.flushes { requests.orphan(sequence) }
            if reply.byteCount == 0 { giveBack(reply.record) } else { client.outgoing.append(reply) }
        }
    }

    /// The client has the answer of whatever it has not sent again.
    func finishResumption(_ client: NinePClientConnection) {
        guard client.standing == .resuming else { return }
        client.standing = .session
        for reply in kept?.replies ?? [] { giveBack(reply.record) }
        kept = nil
        requests.orphanUnclaimed()
    }
}
