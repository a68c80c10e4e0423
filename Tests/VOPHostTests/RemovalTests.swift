import Links
import SharedMemory
import Testing
import Virtio

@testable import HostTestSupport
@testable import VOPHost

@Suite struct RemovalTests {
    final class Outcome<Value> {
        var values: [Value] = []
    }

    private func retire(_ bench: Bench, _ name: String = "one") throws -> Outcome<RemovalOutcome> {
        let outcome = Outcome<RemovalOutcome>()
        try bench.backend.retire(name) { outcome.values.append($0) }
        try bench.run()
        return outcome
    }

    /// The link's free memory, by how many pages can still be had.
    private func freePages(_ bench: Bench) -> Int {
        var held: [PeerRange] = []
        while let range = try? bench.hostLink.allocate(byteCount: 4096, alignment: 4096) {
            held.append(range)
        }
        for range in held { bench.hostLink.free(range) }
        return held.count
    }

    @Test("2.8: asked by byte and doorbell, acknowledged, marked: everything is free")
    func acknowledged() throws {
        let bench = try Bench()
        let before = freePages(bench)
        let (model, slot, _) = try bench.running()
        let outcome = try retire(bench)
        #expect(try slot.byte(.configChange) == 1)
        #expect(bench.guest.takeRung() == [2])
        #expect(try bench.state() == .retiring)
        #expect(outcome.values.isEmpty)
        try slot.letGo()
        try bench.pass(.blink)
        #expect(outcome.values == [.released])
        #expect(model.calls == ["activate", "reset", "remove"])
        #expect(bench.backend.snapshots.isEmpty)
        #expect(try bench.guest.slots().isEmpty)
        #expect(freePages(bench) == before)
        #expect(bench.kinds.last == .retired)
    }

    @Test("2.8: until the guest lets go the device goes on being served, and its nested reset is answered")
    func drain() throws {
        let bench = try Bench()
        let (model, slot, queues) = try bench.running()
        let outcome = try retire(bench)
        try queues[0].offer("still")
        try slot.kick()
        try bench.run()
        #expect(try queues[0].usedIndex == 1)
        try slot.askReset()
        try bench.run()
        #expect(try slot.byte(.hostAck) == 1)
        #expect(model.calls == ["activate", "reset"])
        try slot.letGo()
        try bench.pass(.blink)
        #expect(outcome.values == [.released])
    }

    @Test("Q9: a guest that never lets go: its rings, doorbell and slot are quarantined until the link goes")
    func neverAcknowledged() throws {
        let bench = try Bench()
        let before = freePages(bench)
        let (model, slot, _) = try bench.running()
        let outcome = try retire(bench)
        try bench.pass(.seconds(14))
        #expect(outcome.values.isEmpty)
        try bench.pass(.seconds(2))
        #expect(outcome.values == [.quarantined])
        #expect(model.calls == ["activate", "reset", "remove"])
        #expect(bench.backend.quarantinedByteCount == 8192)
        #expect(freePages(bench) == before - 2)
        #expect(try slot.liveType == -1)
        #expect(bench.kinds.last == .quarantined)
        // The place is given to nobody.
        try bench.publish("two")
        #expect(try bench.guest.slot().offset > slot.offset)
        bench.guest.link.stop()
        try bench.run()
        #expect(bench.backend.quarantinedByteCount == 0)
    }

    @Test("Q10: an acknowledgement that comes late is no answer, and harms nobody")
    func lateAcknowledgement() throws {
        let bench = try Bench()
        let (_, slot, _) = try bench.running()
        let outcome = try retire(bench)
        try bench.pass(.seconds(16))
        #expect(outcome.values == [.quarantined])
        try slot.letGo()
        try bench.publish("two")
        let other = try retire(bench, "two")
        #expect(other.values.isEmpty)
        try bench.pass(.blink)
        #expect(other.values.isEmpty)
        #expect(bench.backend.quarantinedByteCount == 8192)
    }

    @Test("Q10: an acknowledgement without the mark does not free the rings")
    func acknowledgementAlone() throws {
        let bench = try Bench()
        let (_, slot, _) = try bench.running()
        let outcome = try retire(bench)
        try slot.set(.guestAck, 1)
        try bench.pass(.seconds(2))
        #expect(outcome.values.isEmpty)
    }

    @Test(
        "2.8: a guest that marks before it acknowledges is waited for, so that nothing it writes hits a new device"
    )
    func markFirst() throws {
        let bench = try Bench()
        let (_, slot, _) = try bench.running()
        let outcome = try retire(bench)
        try slot.set(.h2c, -1)
        try bench.guest.set(slot.offset, -1)
        try bench.pass(.blink)
        #expect(outcome.values.isEmpty)
        try slot.set(.guestAck, 1)
        try bench.pass(.blink)
        #expect(outcome.values == [.released])
    }

    @Test(
        "2.8: where nobody drives the device, or nobody listens, the wait is short and the rings are free",
        arguments: [
            true, false,
        ])
    func unused(listens: Bool) throws {
        let bench = try Bench()
        let before = freePages(bench)
        if listens { try bench.guest.setConfigDoorbell(2) }
        try bench.publish()
        let outcome = try retire(bench)
        try bench.pass(.milliseconds(1100))
        #expect(outcome.values == [.released])
        #expect(freePages(bench) == before)
    }

    @Test("a device the guest has touched is not free after the short wait")
    func touched() throws {
        let bench = try Bench()
        try bench.publish()
        try bench.guest.slot().discover()
        let outcome = try retire(bench)
        try bench.pass(.milliseconds(1100))
        #expect(outcome.values == [.quarantined])
    }

    @Test("the peer goes while it is asked: nothing is left")
    func peerGone() throws {
        let bench = try Bench()
        let (model, _, _) = try bench.running()
        let outcome = try retire(bench)
        bench.guest.link.stop()
        try bench.run()
        #expect(outcome.values == [.peerGone])
        #expect(model.calls == ["activate", "reset", "remove"])
        #expect(bench.backend.snapshots.isEmpty)
    }

    @Test("before the link is up a device is gone at once")
    func notPublished() throws {
        let bench = try Bench(isMet: false)
        let model = try bench.publish()
        #expect(try retire(bench).values == [.notPublished])
        #expect(model.calls == ["remove"])
    }

    @Test("asked twice, both are told")
    func twice() throws {
        let bench = try Bench()
        let (_, slot, _) = try bench.running()
        let first = try retire(bench)
        let second = try retire(bench)
        try slot.letGo()
        try bench.pass(.blink)
        #expect(first.values == [.released])
        #expect(second.values == [.released])
    }

    @Test("a guest that breaks a rule while it is asked to let go is served no more, and the removal goes on")
    func brokenWhileRetiring() throws {
        let bench = try Bench()
        let (model, slot, queues) = try bench.running()
        let outcome = try retire(bench)
        try queues[0].makeAvailable(head: 77)
        try slot.kick()
        try bench.run()
        #expect(model.calls == ["activate", "reset"])
        try slot.letGo()
        try bench.pass(.blink)
        #expect(outcome.values == [.released])
        #expect(bench.backend.snapshots.isEmpty)
    }
}
