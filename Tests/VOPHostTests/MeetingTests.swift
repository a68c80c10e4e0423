import Links
import SharedMemory
import Testing
import Virtio

@testable import HostTestSupport
@testable import VOPHost

@Suite struct MeetingTests {
    @Test("the peer goes: queues stop, devices wait; it comes back: a fresh page with every device")
    func downAndUp() throws {
        let bench = try Bench()
        let (model, _, _) = try bench.running()
        try bench.publish("two")
        bench.guest.link.stop()
        try bench.run()
        #expect(try bench.state("one") == .waiting)
        #expect(try bench.state("two") == .waiting)
        #expect(model.calls == ["activate", "reset"])
        #expect(bench.kinds.contains(.linkDown))
        try bench.meet()
        #expect(try bench.guest.slots().count == 2)
        #expect(try bench.guest.slot().status == 0)
        try bench.guest.setConfigDoorbell(2)
        let (slot, queues) = try bench.drive()
        try queues[0].offer("anew")
        try slot.kick()
        try bench.run()
        #expect(try queues[0].usedIndex == 1)
        #expect(model.calls == ["activate", "reset", "activate"])
    }

    @Test("a model that speaks after the peer went is not heard")
    func lineClosed() throws {
        let bench = try Bench()
        let (model, _, _) = try bench.running()
        let line = model.line
        bench.guest.link.stop()
        try bench.run()
        line?.notifyDriver()
        line?.declareBroken(.backend("too late"))
        try bench.run()
        #expect(try bench.state() == .waiting)
    }

    @Test("many meetings leak nothing")
    func manyMeetings() throws {
        let bench = try Bench()
        try bench.publish()
        for _ in 0..<50 {
            try bench.guest.setConfigDoorbell(2)
            try bench.drive()
            #expect(try bench.state() == .running)
            bench.guest.link.stop()
            try bench.run()
            try bench.meet()
        }
        #expect(try bench.state() == .published)
    }

    @Test("an idle link asks for no attention")
    func silent() throws {
        let bench = try Bench()
        let (_, _, _) = try bench.running()
        try bench.pass(.seconds(20))
        #expect(bench.backend.nextDeadline == nil)
    }

    @Test("2.10: going down resets every device and takes all off the page by one deadline")
    func shutDown() throws {
        let bench = try Bench()
        try bench.guest.setConfigDoorbell(2)
        let first = try bench.publish("one")
        let second = try bench.publish("two")
        let (slot, _) = try bench.drive(0)
        let (otherSlot, _) = try bench.drive(1)
        var isDone = false
        bench.backend.shutDown { isDone = true }
        try bench.run()
        for slot in [slot, otherSlot] {
            #expect(try slot.status == 0)
            #expect(try slot.byte(.hostAck) == 1)
            #expect(try slot.byte(.configChange) == 1)
        }
        #expect(first.calls == ["activate", "reset"])
        #expect(throws: HostError.closing) { try bench.publish("three") }
        try slot.letGo()
        try otherSlot.letGo()
        try bench.pass(.blink)
        #expect(isDone)
        #expect(second.calls == ["activate", "reset", "remove"])
        #expect(try bench.guest.slots().isEmpty)
        #expect(try bench.guest.page.load32(at: 0) == 0xC0FF_EE00)
        #expect(try bench.guest.byte(4) == -1)
    }

    @Test("2.10: a guest that lets go of nothing delays it by the one limit")
    func shutDownLimit() throws {
        let bench = try Bench { $0.shutdownLimit = .seconds(3) }
        try bench.guest.setConfigDoorbell(2)
        for (index, name) in ["one", "two", "three"].enumerated() {
            try bench.publish(name)
            try bench.drive(index)
        }
        var isDone = false
        bench.backend.shutDown { isDone = true }
        try bench.pass(.milliseconds(2900))
        #expect(!isDone)
        try bench.pass(.milliseconds(200))
        #expect(isDone)
    }

    @Test("2.10: the one limit is also for devices that were being taken off already")
    func shutDownMeanwhile() throws {
        let bench = try Bench { $0.shutdownLimit = .seconds(3) }
        _ = try bench.running()
        var outcome: RemovalOutcome?
        try bench.backend.retire("one") { outcome = $0 }
        var isDone = false
        bench.backend.shutDown { isDone = true }
        try bench.pass(.milliseconds(3100))
        #expect(isDone)
        #expect(outcome == .quarantined)
    }

    @Test("2.10: without a peer it is done at once")
    func shutDownAlone() throws {
        let bench = try Bench(isMet: false)
        let model = try bench.publish()
        var isDone = false
        bench.backend.shutDown { isDone = true }
        #expect(isDone)
        #expect(model.calls == ["remove"])
    }
}
