import LinuxSystem
import NineP
import SystemPackage
import Testing

@testable import NinePClient

@Suite struct CallTableTests {
    private func table() throws -> CallTable {
        let (_, stream) = try Bench.connect()
        return CallTable(Connection(1, ByteStream(owning: OwnedDescriptor(owning: stream)), FrameReader()))
    }

    @Test("calls are bounded, and each of them can still be flushed")
    func bounded() throws {
        var table = try table()
        var calls: [PendingCall] = []
        for _ in 0..<CallTable.capacity { calls.append(try table.begin(Expectation(.clunk))) }
        #expect(throws: SessionError.refused(.resourceTemporarilyUnavailable)) {
            try table.begin(Expectation(.clunk))
        }
        let flushes = calls.compactMap { table.beginFlush(of: $0) }
        #expect(Set((calls + flushes).map(\.tag)).count == 2 * CallTable.capacity)
        #expect(!(calls + flushes).contains { $0.tag == .none })
    }

    @Test("a tag is not used by the next call, whose reply an earlier one's may be taken for")
    func alternating() throws {
        var table = try table()
        var tags: [NineP.Tag] = []
        for _ in 0..<4 {
            let call = try table.begin(Expectation(.clunk))
            _ = table.turn(of: call)
            tags.append(call.tag)
            let late = NineP.Tag(rawValue: call.tag.rawValue ^ 1 << 15)
            #expect(throws: ProtocolViolation.self) { try table.deliver(.clunk, to: late) }
            #expect(try table.deliver(.clunk, to: call.tag) === call)
            _ = table.takeOutcome(of: call)
        }
        #expect(tags[0] != tags[1] && tags[0] == tags[2] && tags[1] == tags[3])
    }

    @Test("once the session has ended nothing begins any more, no flush either")
    func ended() throws {
        var table = try table()
        let call = try table.begin(Expectation(.clunk))
        table.ending = .closed
        #expect(throws: SessionError.ended(.closed)) { try table.begin(Expectation(.clunk)) }
        #expect(table.beginFlush(of: call) == nil)
    }
}
