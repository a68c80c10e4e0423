import Links
import Testing
import Virtio

@testable import HostTestSupport
@testable import VOPHost

@Suite struct ConfigChangeTests {
    private typealias Outcome = RemovalTests.Outcome<ConfigChangeOutcome>

    private func change(_ bench: Bench, to bytes: [UInt8] = [3, 0, 0x78, 0x79, 0x7A]) throws -> Outcome {
        let outcome = Outcome()
        try bench.backend.changeConfig(of: "one", to: bytes) { outcome.values.append($0) }
        try bench.run()
        return outcome
    }

    @Test("2.7: bytes, command, doorbell; the acknowledgement ends it and both bytes go back to zero")
    func acknowledged() throws {
        let bench = try Bench()
        let (_, slot, _) = try bench.running()
        let outcome = try change(bench)
        #expect(try slot.config == [3, 0, 0x78, 0x79, 0x7A])
        #expect(try slot.byte(.configChange) == 2)
        #expect(bench.guest.takeRung() == [2])
        #expect(outcome.values.isEmpty)
        try slot.set(.guestAck, 1)
        try bench.pass(.blink)
        #expect(outcome.values == [.acknowledged])
        #expect(try slot.byte(.configChange) == 0)
        #expect(try slot.byte(.guestAck) == 0)
    }

    @Test("2.7: bytes around the change stay as the driver wrote them")
    func around() throws {
        let bench = try Bench()
        let (_, slot, _) = try bench.running()
        try bench.guest.set(slot.configOffset, 0x55)
        _ = try change(bench, to: [3, 0, 0x61, 0x39, 0x63])
        #expect(try slot.config == [0x55, 0, 0x61, 0x39, 0x63])
    }

    @Test("Q11: a config change without an answer times out, by that name")
    func timedOut() throws {
        let bench = try Bench()
        _ = try bench.running()
        let outcome = try change(bench)
        try bench.pass(.seconds(9))
        #expect(outcome.values.isEmpty)
        try bench.pass(.seconds(2))
        #expect(outcome.values == [.timedOut])
        #expect(try bench.state() == .running)
    }

    @Test("Q12: while it waits, the data path and other devices go on")
    func othersGoOn() throws {
        let bench = try Bench()
        let (_, slot, queues) = try bench.running()
        let outcome = try change(bench)
        try queues[0].offer("meanwhile")
        try slot.kick()
        try bench.publish("two")
        #expect(try queues[0].usedIndex == 1)
        #expect(try bench.state("two") == .published)
        #expect(outcome.values.isEmpty)
    }

    @Test("Q10: after a time-out, the late answer to the old change does not end the new one")
    func lateAnswer() throws {
        let bench = try Bench()
        let (_, slot, _) = try bench.running()
        _ = try change(bench)
        try bench.pass(.seconds(11))
        let second = try change(bench, to: [3, 0, 0x31, 0x32, 0x33])
        try slot.set(.guestAck, 1)
        try bench.pass(.blink)
        #expect(second.values.isEmpty)
        #expect(try slot.byte(.configChange) == 2)
        try slot.set(.guestAck, 1)
        try bench.pass(.blink)
        #expect(second.values == [.acknowledged])
    }

    @Test("a change on top of one that waits: both are told when the last bytes have been read")
    func onTop() throws {
        let bench = try Bench()
        let (_, slot, _) = try bench.running()
        let first = try change(bench)
        let second = try change(bench, to: [3, 0, 0x31, 0x32, 0x33])
        for _ in 0..<2 {
            try slot.set(.guestAck, 1)
            try bench.pass(.blink)
        }
        #expect(first.values == [.acknowledged])
        #expect(second.values == [.acknowledged])
        #expect(try slot.config == [3, 0, 0x31, 0x32, 0x33])
    }

    @Test("nobody listens: the bytes are there for whoever comes")
    func unheard() throws {
        let bench = try Bench()
        try bench.publish()
        #expect(try change(bench).values == [.unheard])
        #expect(try bench.guest.slot().config == [3, 0, 0x78, 0x79, 0x7A])
    }

    @Test("the peer goes: told so, and the next meeting starts with the new bytes")
    func peerGone() throws {
        let bench = try Bench()
        _ = try bench.running()
        let outcome = try change(bench)
        bench.guest.link.stop()
        try bench.run()
        #expect(outcome.values == [.peerGone])
        try bench.meet()
        #expect(try bench.guest.slot().config == [3, 0, 0x78, 0x79, 0x7A])
    }

    @Test("the device is taken off meanwhile: told so")
    func removed() throws {
        let bench = try Bench()
        _ = try bench.running()
        let outcome = try change(bench)
        try bench.backend.retire("one")
        #expect(outcome.values == [.removed])
    }

    @Test("more or fewer bytes than were published are refused", arguments: [0, 4, 6])
    func length(count: Int) throws {
        let bench = try Bench()
        _ = try bench.running()
        #expect(throws: HostError.configLength(count, expected: 5)) {
            try bench.backend.changeConfig(of: "one", to: [UInt8](repeating: 0, count: count))
        }
    }
}
