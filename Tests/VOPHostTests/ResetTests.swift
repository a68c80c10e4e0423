import SharedMemory
import Testing
import Virtio

@testable import HostTestSupport
@testable import VOPHost

@Suite struct ResetTests {
    @Test("2.6: reset stops the queues, then zeroes status and request, then acknowledges")
    func reset() throws {
        let bench = try Bench()
        let (model, slot, queues) = try bench.running()
        try queues[0].offer("before")
        try slot.kick()
        try bench.run()
        try slot.askReset()
        try bench.run()
        #expect(try slot.byte(.vdevReset) == 0)
        #expect(try slot.byte(.hostAck) == 1)
        #expect(try slot.status == 0)
        #expect(model.calls == ["activate", "reset"])
        #expect(try bench.state() == .published)
        // Nothing of the life before is left in the rings; the trailer is.
        let region = try bench.guest.memory(slot.ringAddress(0), 8192)
        #expect(region.load16(at: 16 * 8 + 2) == 0)
        #expect(region.load32(at: 4172) == 0xC0FF_EE00 + 9)
    }

    @Test("2.6: after a reset the device is driven again, from index zero")
    func again() throws {
        let bench = try Bench()
        let (model, _, queues) = try bench.running()
        for _ in 0..<3 {
            let (slot, queues) = try bench.drive()
            try queues[0].offer("again")
            try slot.kick()
            try bench.run()
            #expect(try queues[0].usedIndex == 1)
        }
        #expect(try queues[0].usedIndex == 0)
        #expect(model.calls.filter { $0 == "activate" }.count == 4)
        #expect(try bench.backend.snapshot(of: "one").resetCount == 3)
    }

    @Test("Q6: a chain taken before the reset is dropped, and its used ring is written no more")
    func midTraffic() throws {
        let bench = try Bench()
        let (model, slot, queues) = try bench.running()
        model.isLazy = true
        try queues[0].offer("kept")
        try slot.kick()
        try bench.run()
        #expect(model.kept.count == 1)
        let line = model.line
        try slot.askReset()
        try bench.run()
        line?.notifyDriver()
        line?.declareBroken(.backend("from an earlier life"))
        try bench.run()
        #expect(try queues[0].usedIndex == 0)
        #expect(bench.guest.takeRung() == [])
        #expect(try bench.state() == .published)
    }

    @Test("2.6: what is written before the reset was acknowledged belongs to the old life")
    func statusBesideReset() throws {
        let bench = try Bench()
        let (_, slot, _) = try bench.running()
        try slot.setStatus(0x55)
        try slot.askReset()
        try bench.run()
        #expect(try bench.state() == .published)
        #expect(try slot.status == 0)
    }

    @Test("2.6: status zero alone is a reset too")
    func statusZero() throws {
        let bench = try Bench()
        let (model, slot, _) = try bench.running()
        try slot.setStatus(0)
        try slot.kick()
        try bench.run()
        #expect(model.calls == ["activate", "reset"])
        #expect(try bench.state() == .published)
    }

    @Test(
        "2.9: a guest that unloads marks the slot itself; the device is published again for the next driver")
    func unload() throws {
        let bench = try Bench()
        let (model, slot, _) = try bench.running()
        try bench.guest.setConfigDoorbell(-1)
        try slot.set(.configChange, 1)
        try slot.askReset()
        try bench.run()
        try slot.setStatus(0)
        try slot.letGo()
        try slot.set(.configChange, 0)
        try slot.set(.guestAck, 0)
        // Nobody rings for that.
        try bench.pass(.seconds(2))
        #expect(bench.kinds.contains(.withdrawn))
        #expect(try bench.state() == .published)
        #expect(model.calls == ["activate", "reset"])
        #expect(try bench.guest.slots().count == 1)
        try bench.guest.setConfigDoorbell(2)
        try bench.drive()
        #expect(try bench.state() == .running)
    }

    @Test("2.9: a guest that marks the slot in mid traffic stops the queues at once")
    func vanish() throws {
        let bench = try Bench()
        let (model, slot, queues) = try bench.running()
        try bench.guest.set(slot.offset, -1)
        try queues[0].offer("late")
        try slot.kick()
        try bench.run()
        #expect(model.calls == ["activate", "reset"])
        #expect(try queues[0].usedIndex == 0)
    }
}
