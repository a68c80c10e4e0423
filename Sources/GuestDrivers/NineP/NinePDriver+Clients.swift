import LinuxSystem
import NineP
import SharedMemory
import SystemPackage
import VOPGuest
import Virtqueue

/// Who comes and goes at the socket.
extension NinePDriver {
    func serviceSockets() throws(Errno) {
        let events = try poller.wait(for: .zero)
        // Who goes, before who comes.
        for event in events where event.token != Self.listenerToken {
            if event.token == Self.peerToken {
                if isKeeping { endKept() }
            } else if event.token != Self.clientToken {
                answer(event.token)
            } else if !event.events.isDisjoint(with: [.hangUp, .error]) {
                clientLeft()
            }
        }
        let now = ContinuousClock.now
        if let kept, isKeeping, kept.deadline <= now { endKept() }
        for late in refused where late.deadline <= now { drop(late) }
        if let again = acceptsAgain, again <= now { acceptsAgain = nil }
        if events.contains(where: { $0.token == Self.listenerToken }) { acceptOne() }
    }

    /// One at a time: one that has hung up already is noticed before the next is refused because of it.
    private func acceptOne() {
        do throws(Errno) {
            if canAccept, let socket = try listener.accept() { welcome(socket) }
        } catch {
            // No descriptors or no memory: later, rather than at once for ever.
            acceptsAgain = .now + .seconds(1)
        }
    }

    /// While the device forgets the last client, the next one waits, for a time.
    private var canAccept: Bool {
        guard acceptsAgain == nil, refused.count < Self.refusedMaximum else { return false }
        if case .ending(let end) = phase { return end.deadline <= .now }
        return true
    }

    private func welcome(_ socket: consuming Socket) {
        let descriptor = socket.rawDescriptor
        do throws(Errno) {
            switch phase {
            case .idle, .away:
                try poller.add(descriptor, .readable, token: Self.clientToken)
                let client = NinePClientConnection(socket, messageSize: messageSizeMaximum)
                client.interest = .readable
                client.socket.makeSendRoom(byteCount: Int(messageSizeMaximum))
                client.standing = kept == nil ? .session : .candidate
                phase = .client(client)
            case .client, .ending:
                try poller.add(descriptor, .readable, token: nextToken)
                refused.append(
                    RefusedClient(socket, token: nextToken, deadline: .now + settings.refusalLimit))
                nextToken += 1
            }
        } catch { acceptsAgain = .now + .seconds(1) }
    }

    private func answer(_ token: UInt64) {
        guard let client = refused.first(where: { $0.token == token }), client.isDone() else { return }
        drop(client)
    }

    private func drop(_ client: RefusedClient) {
        unwatch(client.socket.rawDescriptor)
        refused.removeAll { $0 === client }
    }

    // MARK: The client goes

    func clientLeft() {
        guard case .client(let client) = phase else { return }
        unwatch(client.socket.rawDescriptor)
        if let partial = client.partial {
            pool.give(partial.request)
            pool.give(partial.reply)
        }
        guard client.standing != .candidate, !keep(client) else {
            phase = .away
            return
        }
        for reply in client.outgoing + (kept?.replies ?? []) { giveBack(reply.record) }
        kept = nil
        log?.setClient(nil)
        requests.flushAll()
        requests.orphanAll()
        phase = isDirty ? .ending(SessionEnd(deadline: .now + settings.endLimit)) : .idle
    }

    /// Makes the device forget the client that left: sends Tversion as soon as there is room for it, and is done when
    /// that and everything before it is answered.
    func endSession() {
        guard case .ending(var end) = phase else { return }
        if !end.isSent, queue.ring.freeCount >= 2 {
            sendVersion()
            end.isSent = true
        }
        if end.isAnswered && requests.isEmpty {
            isDirty = false
            phase = .idle
        } else {
            phase = .ending(end)
        }
    }

    private func sendVersion() {
        let frame = Request.version(maximumMessageSize: messageSizeMaximum, version: Protocol9P.version)
            .encoded(tag: .none)
        endRequest.window.write(frame, at: 0)
        let record = RequestRecord(
            tag: .none, type: RequestType.version.rawValue, sequence: requests.takeSequence(),
            request: endRequest.range, reply: endReply.range, isOrphan: true, endsSession: true)
        submit(record, requestByteCount: frame.count)
    }

    // MARK: What is watched

    /// Watches for what can be dealt with, and nothing else: what is readable and stays so would wake us for ever.
    func watch() {
        setListening(canAccept)
        guard case .client(let client) = phase else { return }
        var interest: PollEvents = []
        if wantsRequests(client) { interest.insert(.readable) }
        if !client.outgoing.isEmpty { interest.insert(.writable) }
        guard interest != client.interest else { return }
        do throws(Errno) {
            try poller.modify(client.socket.rawDescriptor, interest, token: Self.clientToken)
            client.interest = interest
        } catch { clientLeft() }
    }

    private func setListening(_ wanted: Bool) {
        guard wanted != isListening else { return }
        do throws(Errno) {
            try poller.modify(
                listener.rawDescriptor, wanted ? .readable : [], token: Self.listenerToken)
            isListening = wanted
        } catch { acceptsAgain = .now + .seconds(1) }
    }
}
