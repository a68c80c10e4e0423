import Links
import Testing
import Virtio

@testable import HostTestSupport
@testable import VOPHost

@Suite struct NeedsResetTests {
    private func breakDevice(_ bench: Bench) throws -> ScriptedSlot {
        let slot = try bench.guest.slot()
        try slot.setStatus(0x20)
        try slot.kick()
        try bench.run()
        return slot
    }

    @Test("a device its guest broke is asked off the page and published again")
    func comesBack() throws {
        let bench = try Bench()
        let (model, _, _) = try bench.running()
        let slot = try breakDevice(bench)
        #expect(try bench.state() == .needsReset)
        #expect(try slot.byte(.configChange) == 1)
        #expect(model.calls == ["activate", "reset"])
        try slot.letGo()
        try bench.pass(.seconds(2))
        #expect(try bench.state() == .published)
        try bench.drive()
        #expect(try bench.state() == .running)
        #expect(model.calls == ["activate", "reset", "activate"])
    }

    @Test("what a model says between two rounds is acted upon in the next, though time goes on")
    func saidBetween() throws {
        let bench = try Bench()
        let (model, _, _) = try bench.running()
        bench.letTimeRun()
        model.line?.declareBroken(.backend("no more"))
        try bench.run()
        #expect(try bench.state() == .needsReset)
        #expect(try bench.backend.snapshot(of: "one").lastFault == .backend("no more"))
    }

    @Test("a reset that the guest asks for on its way out is answered, and so is a handshake")
    func answersOnTheWay() throws {
        let bench = try Bench()
        _ = try bench.running()
        let slot = try breakDevice(bench)
        try slot.askReset()
        _ = try slot.setUpQueues()
        try bench.run()
        #expect(try slot.byte(.hostAck) == 1)
        #expect(try slot.byte(.usedAddressUpdated) == 0)
        try slot.setStatus(15)
        try slot.kick()
        try bench.run()
        #expect(try bench.state() == .needsReset)
    }

    @Test("each time it comes back later, and of one cause one line a minute is logged")
    func everLater() throws {
        let bench = try Bench { $0.quarantineMaximum = 1000 }
        try bench.guest.setConfigDoorbell(2)
        try bench.publish()
        bench.clearEvents()
        var rounds = 0
        for _ in 0..<600 {
            if let slot = try? bench.guest.slot(), try bench.state() == .published {
                try slot.setStatus(0x20)
                try slot.kick()
                try bench.run()
                try slot.letGo()
                rounds += 1
            }
            try bench.pass(.milliseconds(100))
        }
        // A minute: 1 + 2 + 4 + 8 + 16 s between them, and half of 32.
        #expect(rounds == 6)
        let faults = bench.events.filter { $0.kind == .needsReset }
        #expect(faults.count == rounds)
        #expect(faults.filter(\.isWorthLogging).count == 1)
    }

    @Test("two causes are two lines, whatever numbers the guest makes up")
    func causes() {
        var limiter = EventLimiter<HostEventKind>(interval: .seconds(60))
        let now = ContinuousClock.now
        let details = [
            "rule: status(written: 1)", "rule: status(written: 2)", "rule: doorbell(99)",
            "rule: doorbell(98)",
        ]
        let logged = details.map { limiter.event(.needsReset, "one", $0, at: now).isWorthLogging }
        #expect(logged == [true, false, true, false])
        #expect(limiter.event(.needsReset, "two", details[0], at: now).isWorthLogging)
        #expect(
            limiter.event(.needsReset, "one", details[0], at: now.advanced(by: .seconds(61))).isWorthLogging)
    }

    @Test("a guest that never lets go of what it breaks gets so many quarantines and no more")
    func bounded() throws {
        let bench = try Bench { $0.quarantineMaximum = 3 }
        try bench.guest.setConfigDoorbell(2)
        try bench.publish()
        for _ in 0..<100 {
            if let slot = try? bench.guest.slot() {
                try slot.setStatus(0x20)
                try slot.kick()
                try bench.run()
            }
            try bench.pass(.seconds(4))
        }
        #expect(try bench.state() == .quarantined)
        #expect(bench.backend.quarantinedByteCount == 3 * 8192)
        bench.guest.link.stop()
        try bench.run()
        try bench.meet()
        #expect(try bench.state() == .published)
    }

    @Test("a backend that gives up costs its device the same")
    func backendGivesUp() throws {
        let bench = try Bench()
        let (model, slot, _) = try bench.running()
        model.line?.declareBroken(.backend("out of luck"))
        #expect(bench.backend.nextDeadline != nil)
        try bench.run()
        #expect(try bench.state() == .needsReset)
        #expect(try slot.byte(.configChange) == 1)
        #expect(try bench.backend.snapshot(of: "one").lastFault == .backend("out of luck"))
    }

    @Test("a device that waits to come back comes back at once when a reset is asked for")
    func requestedWhileWaiting() throws {
        let bench = try Bench { $0.republishInterval = .seconds(50) }
        _ = try bench.running()
        try breakDevice(bench).letGo()
        try bench.pass(.seconds(5))
        #expect(try bench.state() == .needsReset)
        try bench.backend.reset("one")
        #expect(try bench.state() == .published)
    }

    @Test("a reset that is asked for comes back at once")
    func requested() throws {
        let bench = try Bench()
        let (_, slot, _) = try bench.running()
        try bench.backend.reset("one")
        try bench.run()
        #expect(try slot.byte(.configChange) == 1)
        try slot.letGo()
        try bench.pass(.blink)
        #expect(try bench.state() == .published)
    }
}
