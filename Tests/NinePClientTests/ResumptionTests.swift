import LinuxSystem
import NineP
import NinePClient
import SystemPackage
import Testing

/// Documentation/decisions/13: probe, unanswered frames, Tflush NOTAG, and only then new requests.
@Suite(.timeLimit(.minutes(1))) struct ResumptionTests {
    let bench: Bench
    let root = Fid(rawValue: 0)
    let qid = Qid(kind: .directory, version: 0, path: 77)

    init() throws { bench = try Bench(isResumable: true) }

    private var session: Session { bench.session }

    private func read(_ fid: UInt32) throws -> Background<[UInt8]> {
        try Background { [session] in
            Array(try session.read(Fid(rawValue: fid), at: 0, byteCount: 4))
        }
    }

    private func awaitLoss() throws {
        let poller = try Poller()
        try poller.add(session.lossCounter.rawDescriptor, .readable, token: 1)
        #expect(try !poller.wait(for: .seconds(20)).isEmpty, "the session did not notice its loss")
        session.lossCounter.drain()
    }

    /// A server on a new connection, and the session's attempt to resume there.
    private func reconnect() throws -> (ScriptedServer, Background<Bool>) {
        let (server, stream) = try Bench.connect()
        let attempt = try Background { [session, root, qid] in
            try session.resume(
                over: ByteStream(owning: OwnedDescriptor(owning: stream)), proving: root, leadsTo: qid,
                within: .seconds(20))
        }
        return (server, attempt)
    }

    private func attributes(_ qid: Qid) -> Reply {
        let attributes = NineP.FileAttributes(valid: .basic, qid: qid, mode: 0o040755)
        return .getattr(attributes)
    }

    /// The server keeps the session: answers the probe.
    private func answerProbe(_ server: ScriptedServer) throws {
        let (tag, request) = try server.take()
        guard case .getattr(let fid, _) = request else { throw Errno.badMessage }
        #expect(fid == root)
        try server.send(attributes(qid), tag)
    }

    private func expectBarrier(_ server: ScriptedServer) throws {
        let (tag, request) = try server.take()
        #expect(request == .flush(oldTag: .none))
        try server.send(.flush, tag)
    }

    @Test("what was not answered is sent again, the same frame with the same tag, before anything new")
    func sentAgain() throws {
        let calls = try (1...3).map { try read(UInt32($0)) }
        var sent: [NineP.Tag: Request] = [:]
        for _ in 0..<3 {
            let (tag, request) = try bench.server.take()
            sent[tag] = request
        }
        bench.server.hangUp()
        try awaitLoss()
        let new = try read(9)
        let (server, attempt) = try reconnect()
        try answerProbe(server)
        var again: [NineP.Tag: Request] = [:]
        for _ in 0..<3 {
            let (tag, request) = try server.take()
            again[tag] = request
        }
        #expect(again == sent)
        try expectBarrier(server)
        let (tag, request) = try server.take()
        #expect(request == .read(fid: Fid(rawValue: 9), offset: 0, count: 4))
        try server.send(.read(data: [9]), tag)
        #expect(try new.join() == [9])
        for (tag, request) in again {
            guard case .read(let fid, _, _) = request else { throw Errno.badMessage }
            try server.send(.read(data: [UInt8(fid.rawValue)]), tag)
        }
        for (index, call) in calls.enumerated() { #expect(try call.join() == [UInt8(index + 1)]) }
        #expect(try attempt.join())
        #expect(session.ending == nil)
    }

    @Test("a reply that was in the connection when it broke counts, and its request is not sent again")
    func answeredBefore() throws {
        let answered = try read(1)
        let first = try bench.server.take().tag
        let lost = try read(2)
        let second = try bench.server.take()
        try bench.server.send(.read(data: [1]), first)
        bench.server.hangUp()
        #expect(try answered.join() == [1])
        try awaitLoss()
        let (server, attempt) = try reconnect()
        try answerProbe(server)
        let again = try server.take()
        #expect(again == second)
        try expectBarrier(server)
        try server.send(.read(data: [2]), again.tag)
        #expect(try lost.join() == [2])
        #expect(try attempt.join())
    }

    @Test("a request that is being flushed is sent again before its Tflush")
    func flushed() throws {
        let interruption = Interruption()
        let call = try Background { [session] in
            Array(
                try session.read(
                    Fid(rawValue: 1), at: 0, byteCount: 4, interruption: interruption))
        }
        let old = try bench.server.take()
        interruption.interrupt()
        let flush = try bench.server.take()
        bench.server.hangUp()
        try awaitLoss()
        let (server, attempt) = try reconnect()
        try answerProbe(server)
        #expect(try server.take() == old)
        #expect(try server.take() == flush)
        try expectBarrier(server)
        try server.send(.flush, flush.tag)
        #expect(throws: SessionError.interrupted) { try call.join() }
        #expect(try attempt.join())
    }

    @Test(
        "a caller that is given up while there is no connection does not wait for one, if nothing of it was sent"
    )
    func givenUpUnsent() throws {
        bench.server.hangUp()
        session.hangUp()
        try awaitLoss()
        let interruption = Interruption()
        let call = try Background { [session] in
            Array(try session.read(Fid(rawValue: 1), at: 0, byteCount: 4, interruption: interruption))
        }
        interruption.interrupt()
        #expect(throws: SessionError.interrupted) { try call.join() }
    }

    @Test("a second loss in the middle of going on is survived", arguments: 0..<4)
    func lostAgain(after frames: Int) throws {
        let calls = try (1...2).map { try read(UInt32($0)) }
        for _ in 0..<2 { _ = try bench.server.take() }
        bench.server.hangUp()
        try awaitLoss()
        let (first, failed) = try reconnect()
        if frames > 0 {
            try answerProbe(first)
            for _ in 1..<frames { _ = try first.take() }
        } else {
            _ = try first.take()
        }
        first.hangUp()
        if frames == 0 {
            #expect(throws: SessionError.self) { try failed.join() }
        } else {
            #expect(try failed.join())
            try awaitLoss()
        }
        let (server, attempt) = try reconnect()
        try answerProbe(server)
        for _ in 0..<2 {
            let (tag, request) = try server.take()
            guard case .read(let fid, _, _) = request else { throw Errno.badMessage }
            try server.send(.read(data: [UInt8(fid.rawValue)]), tag)
        }
        try expectBarrier(server)
        for (index, call) in calls.enumerated() { #expect(try call.join() == [UInt8(index + 1)]) }
        #expect(try attempt.join())
    }

    @Test("a server that has kept no session says so by an error, or by another file behind the root fid")
    func notKept() throws {
        let call = try read(1)
        _ = try bench.server.take()
        bench.server.hangUp()
        try awaitLoss()
        for reply in [
            Reply.error(code: 71), .error(code: 9), attributes(Qid(kind: .file, version: 0, path: 5)),
        ] {
            let (server, attempt) = try reconnect()
            try server.answer(reply)
            #expect(try attempt.join() == false)
        }
        let (busy, refused) = try reconnect()
        try busy.answer(.error(code: 16))
        #expect(throws: SessionError.refused(.resourceBusy)) { try refused.join() }
        session.end()
        #expect(throws: SessionError.ended(.closed)) { try call.join() }
    }

    @Test("a session begun anew ends every call, saying whether it was sent, and goes on with the next")
    func renewed() throws {
        let sent = try read(1)
        _ = try bench.server.take()
        bench.server.hangUp()
        try awaitLoss()
        let (server, stream) = try Bench.connect()
        let attachment = Session.Attachment(fid: root, user: "", userNumber: 0, tree: "")
        let renewal = try Background { [session] in
            try session.renew(
                over: ByteStream(owning: OwnedDescriptor(owning: stream)), attaching: attachment,
                within: .seconds(20))
        }
        try server.answer(.version(maximumMessageSize: 8192, version: "9P2000.L"))
        try server.answer(.attach(qid: qid))
        #expect(try renewal.join() == qid)
        #expect(throws: SessionError.renewed(wasSent: true)) { try sent.join() }
        #expect(session.epoch == 1)
        let next = try read(3)
        try server.answer(.read(data: [3]))
        #expect(try next.join() == [3])
    }

    @Test("a reply to a request that was not sent again breaks the protocol")
    func unasked() throws {
        let call = try read(1)
        let tag = try bench.server.take().tag
        let other = try read(2)
        _ = try bench.server.take()
        bench.server.hangUp()
        try awaitLoss()
        let (server, attempt) = try reconnect()
        try answerProbe(server)
        _ = try server.take()
        _ = try server.take()
        try expectBarrier(server)
        try server.send(.read(data: [1]), tag)
        #expect(try call.join() == [1])
        try server.send(.read(data: [1]), tag)
        #expect(throws: SessionError.self) { try other.join() }
        guard case .violation = session.ending else { throw Errno.badMessage }
        #expect(try attempt.join())
    }

    @Test("when nobody brings another connection, ending it wakes everybody")
    func ended() throws {
        let calls = try (1...2).map { try read(UInt32($0)) }
        for _ in 0..<2 { _ = try bench.server.take() }
        bench.server.hangUp()
        try awaitLoss()
        #expect(session.end(.gone("it did not come back")) == 2)
        for call in calls {
            #expect(throws: SessionError.ended(.gone("it did not come back"))) { try call.join() }
        }
    }
}
