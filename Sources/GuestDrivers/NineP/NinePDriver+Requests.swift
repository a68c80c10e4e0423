import LinuxSystem
import NineP
import SharedMemory
import SystemPackage
import VOPGuest
import Virtio
import Virtqueue

/// From the client's socket to the device.
extension NinePDriver {
    /// Two descriptors stay free for the Tversion that ends a session, where the queue has them to spare.
    private var canSubmit: Bool {
        let reserve = queue.ring.size.count >= 4 ? 2 : 0
        return queue.ring.freeCount >= 2 + reserve && (log?.freeCount ?? 2) >= 2
    }

    func wantsRequests(_ client: NinePClientConnection) -> Bool {
        if client.partial != nil || client.joining != nil { return true }
        return (canSubmit || client.standing != .session) && !client.isStalled
    }

    /// Takes requests for as long as there are any, and room for them.
    func readRequests() {
        guard case .client(let client) = phase else { return }
        client.isStalled = false
        for _ in 0..<settings.requestBudget {
            do throws(Errno) {
                guard try readRequest(of: client) else { return }
            } catch { return clientLeft() }
            guard case .client = phase else { return }
        }
        moreToDoSince = .now
    }

    /// - Returns: whether to go on.
    private func readRequest(of client: NinePClientConnection) throws(Errno) -> Bool {
        if client.partial != nil { return try fillPartial(of: client) }
        if client.joining != nil, client.stagedCount > 0 { return join(client) }
        // What is sent again needs no room: it has it.
        guard canSubmit || client.standing != .session else { return false }
        guard client.joining == nil, hasWholePrefix(client) else {
            switch try client.stage() {
            case .moved: return true
            case .wouldBlock: return false
            case .ended:
                clientLeft()
                return false
            }
        }
        return begin(client)
    }

    private func hasWholePrefix(_ client: NinePClientConnection) -> Bool {
        guard client.stagedCount >= FrameHeader.byteCount else { return false }
        let staged = client.staged[client.start..<client.end]
        do throws(FrameError) {
            let byteCount = try FrameHeader.frameByteCount(
                untrusted: staged, maximumMessageSize: client.messageSize)
            return staged.count >= min(byteCount, RequestOutline.prefixByteCount)
        } catch {
            // A size that breaks the rules is found again, and acted upon, in `begin`.
            return true
        }
    }

    /// Gives the staged request its memory, and sends it if all of it is there.
    ///
    /// - Returns: false when there is no room for it now, or its client had to go.
    private func begin(_ client: NinePClientConnection) -> Bool {
        let outline: RequestOutline
        do throws(FrameError) {
            outline = try RequestOutline(
                untrusted: client.staged[client.start..<client.end], maximumMessageSize: client.messageSize)
        } catch {
            clientLeft()
            return false
        }
        guard decide(client, outline) else { return false }
        if client.standing == .resuming {
            let staged = client.staged[client.start..<client.end]
            if let original = original(of: outline, beginning: staged) {
                client.joining = original
                return join(client)
            }
            if outline.endsResumption { finishResumption(client) }
        }
        // A tag in use would make two replies one.
        guard !requests.isInUse(outline.header.tag) else {
            clientLeft()
            return false
        }
        guard canSubmit, let partial = buffers(for: outline, client) else {
            client.isStalled = true
            return false
        }
        client.partial = partial
        lowerMessageSize(outline, client)
        let copied = min(client.stagedCount, Int(outline.header.size))
        pool.buffer.window.write(Array(client.take(copied)), at: pool.offset(of: partial.request))
        client.partial?.filled = copied
        sendIfWhole(client)
        return true
    }

    private func buffers(
        for outline: RequestOutline, _ client: NinePClientConnection
    ) -> NinePClientConnection.PartialRequest? {
        let replyByteCount = Int(min(outline.replyByteCount, UInt64(client.messageSize)))
        guard let request = pool.take(Int(outline.header.size)) else { return nil }
        guard let reply = pool.take(replyByteCount) else {
            pool.give(request)
            return nil
        }
        let prefix = Array(
            client.staged[client.start..<client.end].prefix(
                min(RequestRecord.prefixByteCount, Int(outline.header.size))))
        return .init(outline: outline, request: request, reply: reply, prefix: prefix, filled: 0)
    }

    /// A Tversion asks for no more than what queue, window and copy file carry.
    private func lowerMessageSize(_ outline: RequestOutline, _ client: NinePClientConnection) {
        guard case .version(let asked) = outline.kind, asked > messageSizeMaximum else { return }
        for index in 0..<4 {
            client.staged[client.start + RequestOutline.messageSizeOffset + index] = UInt8(
                truncatingIfNeeded: messageSizeMaximum >> UInt32(8 * index))
        }
    }

    /// Reads the rest of a large request straight into the window.
    private func fillPartial(of client: NinePClientConnection) throws(Errno) -> Bool {
        guard let partial = client.partial else { return true }
        let progress = try pool.buffer.window.fill(
            at: pool.offset(of: partial.request) + partial.filled, byteCount: partial.missing,
            from: client.socket)
        switch progress {
        case .wouldBlock: return false
        case .ended:
            clientLeft()
            return false
        case .moved(let count):
            client.partial?.filled += count
            sendIfWhole(client)
            return true
        }
    }

    private func sendIfWhole(_ client: NinePClientConnection) {
        guard let partial = client.partial, partial.missing == 0 else { return }
        client.partial = nil
        let header = partial.outline.header
        var record = RequestRecord(
            tag: header.tag, type: header.type, sequence: requests.takeSequence(), request: partial.request,
            reply: partial.reply, prefix: partial.prefix)
        switch partial.outline.kind {
        case .ordinary: break
        case .flush(let tag): record.flushes = requests.flush(tag)
        case .version(let asked):
            record.askedMessageSize = min(asked, messageSizeMaximum)
            requests.flushAll()
        }
        submit(record, requestByteCount: Int(header.size))
    }

    /// - Precondition: two descriptors are free.
    func submit(_ submitted: RequestRecord, requestByteCount: Int) {
        KillPoint.reach(.afterRequest)
        isDirty = true
        var record = submitted
        record.slot = log?.takeSlot()
        // Whatever session there was, it ends with this.
        if record.type == RequestType.version.rawValue { log?.setClient(nil) }
        let request: PeerRange
        do throws(PeerViolation) {
            request = try PeerRange(
                untrustedAddress: record.request.address, byteCount: UInt64(requestByteCount))
        } catch { preconditionFailure("a range of our own window wraps") }
        queue.ring.begin(token: requests.insert(record))
        let isWhole = queue.ring.appendReadable(request) && queue.ring.appendWritable(record.reply)
        precondition(isWhole, "descriptors were counted")
        queue.ring.commit()
        queue.willPublish(readableByteCount: requestByteCount)
        guard let slot = record.slot else { return }
        let chain = queue.ring.lastCommitted
        log?.submit(record, slot, head: chain.head, last: chain.last)
        KillPoint.reach(.afterChain)
    }
}
