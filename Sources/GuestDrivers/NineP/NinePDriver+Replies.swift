import LinuxSystem
import NineP
import SharedMemory
import SystemPackage
import VOPGuest
import Virtqueue

/// From the device to the client's socket. Every reply is checked before any of it is passed on.
extension NinePDriver {
    func takeReplies() throws(GuestDriverError) {
        do throws(PeerViolation) {
            while let completion = try queue.takeUsed() {
                let record = requests.take(completion.token)
                KillPoint.reach(.beforeCompletion)
                if let slot = record.slot { log?.complete(slot, written: completion.written) }
                KillPoint.reach(.afterCompletion)
                if record.endsSession {
                    try endAnswered(record, completion.written)
                } else {
                    try pass(record, completion.written)
                }
            }
        } catch { throw .peer(error) }
    }

    private func pass(_ record: RequestRecord, _ written: UInt32) throws(PeerViolation) {
        guard !record.isOrphan else { return giveBack(record) }
        guard try isReply(written, to: record) else {
            return settle(UndeliveredReply(record: record, prefix: [], byteCount: 0))
        }
        let start = pool.offset(of: record.reply)
        let header = try checkedHeader(pool.buffer.window, at: start, written, of: record)
        if let asked = record.askedMessageSize {
            guard case .client(let client) = phase else { return giveBack(record) }
            let rest = pool.buffer.window.bytes(
                at: start + header.count, byteCount: Int(written) - header.count)
            let frame = header + rest
            try adopt(frame, asked, record, client)
            client.outgoing.append(UndeliveredReply(record: record, prefix: frame, byteCount: frame.count))
            return
        }
        settle(UndeliveredReply(record: record, prefix: header, byteCount: Int(written)))
    }

    /// A reply goes to the client that asked, or is kept until it asks again.
    private func settle(_ reply: UndeliveredReply) {
        let record = reply.record
        if record.isClaimed, case .client(let client) = phase {
            if let sequence = record.flushes { requests.orphan(sequence) }
            if reply.byteCount == 0 { giveBack(record) } else { client.outgoing.append(reply) }
        } else if kept != nil {
            kept?.replies.append(reply)
        } else {
            giveBack(record)
        }
    }

    /// A chain completed with nothing in it is the end of a request that was flushed, and of no other.
    func isReply(_ written: UInt32, to record: RequestRecord) throws(PeerViolation) -> Bool {
        guard written == 0 else { return true }
        guard record.mayStayUnanswered else {
            throw .frame("the request with \(record.tag) was completed without a reply")
        }
        return false
    }

    /// The reply's header, copied, and what it must say: its size is what the device wrote, its tag the request's, its
    /// type the answer to it or Rlerror.
    func checkedHeader(
        _ window: MemoryWindow, at offset: Int, _ written: UInt32, of record: RequestRecord
    ) throws(PeerViolation) -> ArraySlice<UInt8> {
        guard written >= UInt32(FrameHeader.byteCount) else {
            throw .frame("a reply of \(written) bytes; \(FrameHeader.byteCount) are the least")
        }
        let bytes = window.bytes(at: offset, byteCount: FrameHeader.byteCount)
        let header: FrameHeader
        do throws(FrameError) {
            header = try FrameHeader(untrusted: bytes[...])
        } catch { throw .frame(error.description) }
        guard header.size == written else {
            throw .frame("a reply says it has \(header.size) bytes, and the device wrote \(written)")
        }
        guard header.tag == record.tag else {
            throw .frame("a reply with \(header.tag) to the request with \(record.tag)")
        }
        guard header.type == record.type &+ 1 || header.type == RequestType.errorReplyNumber else {
            throw .frame("a reply of type \(header.type) to a request of type \(record.type)")
        }
        return bytes[...]
    }

    /// The session begins anew with the msize of an Rversion; what was sent before it is answered no more.
    private func adopt(
        _ frame: ArraySlice<UInt8>, _ asked: UInt32, _ record: RequestRecord, _ client: NinePClientConnection
    ) throws(PeerViolation) {
        let reply: Reply
        do throws(FrameError) {
            reply = try Reply.decode(untrusted: frame).reply
        } catch { throw .frame(error.description) }
        guard case .version(let messageSize, let version) = reply else { return }
        requests.orphan(before: record.sequence)
        guard version != Protocol9P.unknownVersion else { return }
        guard messageSize <= asked else {
            throw .frame("an msize of \(messageSize) where \(asked) was asked for")
        }
        client.messageSize = max(messageSize, UInt32(FrameHeader.byteCount))
        client.hasSession = true
        log?.setClient(client.identity)
    }

    private func endAnswered(_ record: RequestRecord, _ written: UInt32) throws(PeerViolation) {
        _ = try isReply(written, to: record)
        _ = try checkedHeader(endReply.window, at: 0, written, of: record)
        if let slot = record.slot { log?.clear(slot) }
        guard case .ending(var end) = phase else { return }
        end.isAnswered = true
        phase = .ending(end)
    }

    // MARK: Out

    /// Writes what the client takes now.
    func writeReplies() {
        guard case .client(let client) = phase else { return }
        do throws(Errno) {
            while let reply = client.outgoing.first {
                switch try pool.buffer.window.send(
                    reply.rest, thenAt: pool.offset(of: reply.record.reply) + reply.bufferRange.lowerBound,
                    byteCount: reply.bufferRange.count, to: client.socket)
                {
                case .wouldBlock: return
                case .ended: return clientLeft()
                case .moved(let count):
                    guard let gone = client.written(count) else { continue }
                    KillPoint.reach(.afterReply)
                    giveBack(gone.record)
                }
            }
        } catch { clientLeft() }
    }
}
