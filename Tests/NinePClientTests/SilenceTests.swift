import LinuxSystem
import NineP
import NinePClient
import SystemPackage
import TestSupport
import Testing

/// A server that is asked for something and says nothing is asked whether it lives, and lost when it says nothing to that.
@Suite struct SilenceTests {
    private func bench(silence: Duration, isResumable: Bool = false) throws -> Bench {
        var limits = Session.Limits()
        limits.silence = silence
        return try Bench(limits: limits, isResumable: isResumable)
    }

    private func read(_ bench: Bench) throws -> Background<[UInt8]> {
        try Background { Array(try bench.session.read(Fid(rawValue: 1), at: 0, byteCount: 4)) }
    }

    /// What is asked names a tag that nothing waits for.
    private func takeQuestion(_ bench: Bench, besides read: NineP.Tag) throws -> NineP.Tag {
        let (tag, request) = try bench.server.take()
        guard case .flush(let old) = request else { throw Errno.badMessage }
        #expect(old != read && old != .none && tag != read)
        return tag
    }

    @Test("one that says nothing is asked for a sign of life, once, and then is lost: the call ends")
    func silent() throws {
        let bench = try bench(silence: .milliseconds(200))
        let call = try read(bench)
        let tag = try bench.server.take().tag
        _ = try takeQuestion(bench, besides: tag)
        #expect(throws: SessionError.ended(.silent(.milliseconds(200)))) { try call.join() }
        #expect(bench.session.ending == .silent(.milliseconds(200)))
    }

    @Test("one that answers is waited for, however often it has to be asked")
    func slow() throws {
        let bench = try bench(silence: .seconds(8))
        let call = try read(bench)
        let tag = try bench.server.take().tag
        for _ in 0..<2 { try bench.server.send(.flush, try takeQuestion(bench, besides: tag)) }
        try bench.server.send(.read(data: [7]), tag)
        #expect(try call.join() == [7])
        #expect(bench.session.ending == nil)
    }

    @Test("a session that can be resumed waits for another connection, and says how it lost this one")
    func resumable() throws {
        let bench = try bench(silence: .milliseconds(200), isResumable: true)
        let call = try read(bench)
        let tag = try bench.server.take().tag
        _ = try takeQuestion(bench, besides: tag)
        let poller = try Poller()
        try poller.add(bench.session.lossCounter.rawDescriptor, .readable, token: 1)
        try #require(!poller.wait(for: HangGuard.limit).isEmpty, "the session did not notice its loss")
        #expect(bench.session.loss == .silent(.milliseconds(200)) && bench.session.ending == nil)
        bench.session.end(.gone("nobody came"))
        #expect(throws: SessionError.ended(.gone("nobody came"))) { try call.join() }
    }
}
