import LinuxSystem
import NineP
import NinePClient
import SystemPackage
import Testing

/// 9P2000, flush(5): the reply may come before Rflush or not at all; the tag rests until Rflush.
@Suite struct FlushTests {
    let bench: Bench
    let interruption = Interruption()

    init() throws { bench = try Bench() }

    /// A read under way, interrupted: its tag, the flush's tag.
    private func interruptedRead() throws -> (Background<[UInt8]>, old: NineP.Tag, flush: NineP.Tag) {
        let call = try Background { [bench, interruption] in
            Array(try bench.session.read(Fid(rawValue: 1), at: 0, byteCount: 4, interruption: interruption))
        }
        let old = try bench.server.take().tag
        interruption.interrupt()
        let flush = try bench.server.take()
        #expect(flush.request == .flush(oldTag: old))
        return (call, old, flush.tag)
    }

    @Test("Rflush without a reply: the call was interrupted")
    func flushed() throws {
        let (call, _, flush) = try interruptedRead()
        try bench.server.send(.flush, flush)
        #expect(throws: SessionError.interrupted) { try call.join() }
        #expect(bench.session.ending == nil)
    }

    @Test("a reply before Rflush counts, and the tag is not used again before Rflush")
    func replyFirst() throws {
        let (call, old, flush) = try interruptedRead()
        try bench.server.send(.read(data: [7]), old)
        #expect(try call.join() == [7])
        let next = try Background { [bench] in
            Array(try bench.session.read(Fid(rawValue: 1), at: 0, byteCount: 4))
        }
        let tag = try bench.server.take().tag
        #expect(tag != old && tag != flush)
        try bench.server.send(.flush, flush)
        try bench.server.send(.read(data: [8]), tag)
        #expect(try next.join() == [8])
        let third = try Background { [bench] in
            Array(try bench.session.read(Fid(rawValue: 1), at: 0, byteCount: 4))
        }
        let reused = try bench.server.take().tag
        // Its place is used again, by its other tag.
        #expect([old, flush, tag].map { $0.rawValue ^ 1 << 15 }.contains(reused.rawValue))
        try bench.server.send(.read(data: [9]), reused)
        #expect(try third.join() == [9])
    }

    @Test("a reply after Rflush breaks the protocol")
    func replyAfterFlush() throws {
        let (call, old, flush) = try interruptedRead()
        try bench.server.send(.flush, flush)
        #expect(throws: SessionError.interrupted) { try call.join() }
        let next = try Background { [bench] in try bench.session.clunk(Fid(rawValue: 1)) }
        let tag = try bench.server.take().tag
        let stale = tag == old ? flush : old
        try bench.server.send(.read(data: [1]), stale)
        #expect(throws: SessionError.self) { try next.join() }
        guard case .violation = bench.session.ending else { throw Errno.badMessage }
    }

    @Test("interrupting what is done already touches nothing")
    func tooLate() throws {
        let serving = try Background { [bench] in
            try bench.server.answer(.clunk)
            try bench.server.answer(.clunk)
        }
        try bench.session.clunk(Fid(rawValue: 1), interruption: interruption)
        interruption.interrupt()
        try bench.session.clunk(Fid(rawValue: 2))
        try serving.join()
    }

    @Test("after its limit a call is flushed, and the session lives")
    func limit() throws {
        let call = try Background { [bench] in
            try bench.session.call(.statfs(fid: Fid(rawValue: 1)), within: .milliseconds(20))
        }
        let old = try bench.server.take().tag
        let flush = try bench.server.take()
        #expect(flush.request == .flush(oldTag: old))
        try bench.server.send(.flush, flush.tag)
        #expect(throws: SessionError.timedOut) { try call.join() }
        #expect(bench.session.ending == nil)
    }

    @Test("a server that does not even answer the flush has ended")
    func deadServer() throws {
        var limits = Session.Limits()
        limits.meeting = .seconds(5)
        let bench = try Bench(limits: limits)
        let call = try Background {
            try bench.session.call(.statfs(fid: Fid(rawValue: 1)), within: .milliseconds(20))
        }
        #expect(throws: SessionError.ended(.system(.timedOut))) { try call.join() }
    }
}
