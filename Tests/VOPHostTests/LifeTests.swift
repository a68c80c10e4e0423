import Links
import SharedMemory
import Testing
import Virtio
import Virtqueue

@testable import HostTestSupport
@testable import VOPHost

@Suite struct LifeTests {
    @Test("2.4, 2.5: a driver that says DRIVER_OK gets its requests answered")
    func echo() throws {
        let bench = try Bench()
        let (model, slot, queues) = try bench.running()
        #expect(try bench.state() == .running)
        #expect(model.calls == ["activate"])
        #expect(model.negotiated == [.version1, .ninepMountTag])
        #expect(try slot.byte(.usedAddressUpdated) == 0)
        try queues[0].offer("hello")
        try slot.kick()
        try bench.run()
        #expect(try queues[0].usedIndex == 1)
        // Only bytes written count.
        #expect(try queues[0].usedElement(0) == (0, 5))
        #expect(try queues[0].answer(5) == "hello")
        #expect(bench.guest.takeRung() == [3])
    }

    @Test("2.11: a driver that asked for no notification gets none")
    func suppressed() throws {
        let bench = try Bench()
        let (_, slot, queues) = try bench.running()
        try queues[0].setSuppressed(true)
        try queues[0].offer("quiet")
        try slot.kick()
        try bench.run()
        #expect(try queues[0].usedIndex == 1)
        #expect(bench.guest.takeRung() == [])
    }

    @Test("2.11: one doorbell is for all queues, and spurious ones are harmless")
    func allQueues() throws {
        let bench = try Bench()
        let (_, slot, queues) = try bench.running(sizes: [8, 16])
        for number in 0..<16 { bench.guest.ring(Int8(number)) }
        try bench.run()
        try queues[0].offer("first")
        try queues[1].offer("second")
        try slot.kick()
        try bench.run()
        #expect(try queues[0].usedIndex == 1)
        #expect(try queues[1].usedIndex == 1)
    }

    @Test("Q18: each ring's own size bounds its used ring")
    func usedRingOfEachSize() throws {
        let bench = try Bench()
        try bench.publish(sizes: [8, 128])
        let slot = try bench.guest.slot()
        let first = try bench.guest.link.allocate(byteCount: 4096, alignment: 4096).address
        // 6 + 8·128 bytes reach past the end of the guest's window here, 6 + 8·8 would not.
        let window = bench.guest.link.windows(of: .guest).placements[0]
        try slot.setUsedAddress(0, first)
        try slot.setUsedAddress(1, window.end - 128)
        try slot.set(.usedAddressUpdated, 1)
        try slot.kick()
        try bench.run()
        #expect(try bench.state() == .needsReset)
    }

    @Test(
        "Q4: a used address outside the guest's windows costs the device, and the flag is cleared",
        arguments: [0, 8, UInt64.max, UInt64.max - 16, 0x10_0000])
    func wildUsedAddress(address: UInt64) throws {
        let bench = try Bench()
        try bench.publish()
        let slot = try bench.guest.slot()
        try slot.setUsedAddress(0, address)
        try slot.set(.usedAddressUpdated, 1)
        try slot.kick()
        try bench.run()
        #expect(try slot.byte(.usedAddressUpdated) == 0)
        #expect(try bench.state() == .needsReset)
        #expect(try slot.byte(.configChange) == 1)
    }

    @Test("Q4: a used address in the host's own memory is refused")
    func usedAddressInHostMemory() throws {
        let bench = try Bench()
        try bench.publish()
        let slot = try bench.guest.slot()
        try slot.setUsedAddress(0, slot.ringAddress(0) + 4096)
        try slot.set(.usedAddressUpdated, 1)
        try slot.kick()
        try bench.run()
        #expect(try bench.state() == .needsReset)
    }

    @Test("2.4: a misaligned used address is refused")
    func misalignedUsedAddress() throws {
        let bench = try Bench()
        try bench.publish()
        let slot = try bench.guest.slot()
        let place = try bench.guest.link.allocate(byteCount: 4096, alignment: 4096).address
        try slot.setUsedAddress(0, place + 2)
        try slot.set(.usedAddressUpdated, 1)
        try slot.kick()
        try bench.run()
        #expect(try bench.state() == .needsReset)
    }

    @Test("Q17: the last of several used-address handshakes before DRIVER_OK counts")
    func repeatedHandshake() throws {
        let bench = try Bench()
        try bench.publish()
        let slot = try bench.guest.slot()
        try slot.discover()
        var queues: [ScriptedQueue] = []
        for _ in 0..<20 {
            queues = try slot.setUpQueues()
            try bench.run()
            #expect(try slot.byte(.usedAddressUpdated) == 0)
        }
        try slot.accept(1 << 32)
        try slot.setStatus(15)
        try slot.kick()
        try queues[0].offer("last")
        try bench.run()
        #expect(try queues[0].usedIndex == 1)
    }

    @Test("2.4: a handshake while the queues run: the same addresses do no harm, others cost the device")
    func handshakeWhileRunning() throws {
        let bench = try Bench()
        let (_, slot, _) = try bench.running()
        try slot.set(.usedAddressUpdated, 1)
        try slot.kick()
        try bench.run()
        #expect(try bench.state() == .running)
        _ = try slot.setUpQueues()
        try bench.run()
        #expect(try bench.state() == .needsReset)
    }

    @Test("2.5: DRIVER_OK without a handshake costs the device")
    func noHandshake() throws {
        let bench = try Bench()
        let model = try bench.publish()
        let slot = try bench.guest.slot()
        try slot.setStatus(15)
        try slot.kick()
        try bench.run()
        #expect(try bench.state() == .needsReset)
        #expect(model.calls == [])
    }

    @Test(
        "2.2: features that were never offered cost the device",
        arguments: [1 << 28, 1 << 34, 1 << 63, 2 as UInt64])
    func featuresNotOffered(bits: UInt64) throws {
        let bench = try Bench()
        let model = try bench.publish()
        let slot = try bench.guest.slot()
        try slot.accept(bits | 1 << 32)
        try slot.setStatus(11)
        try slot.kick()
        try bench.run()
        #expect(try bench.state() == .needsReset)
        #expect(try bench.backend.snapshot(of: "one").lastFault == .peer(.featuresNotOffered(bits)))
        #expect(model.calls == [])
    }

    @Test("Q21 (2.2.1): features that change after FEATURES_OK change nothing")
    func featuresFinal() throws {
        let bench = try Bench()
        let model = try bench.publish(offered: [.version1, .eventIndex])
        let slot = try bench.guest.slot()
        try slot.accept(1 << 32)
        try slot.setStatus(11)
        try slot.kick()
        try bench.run()
        try slot.accept(1 << 29 | 1 << 32)
        _ = try slot.setUpQueues()
        try bench.run()
        try slot.setStatus(15)
        try slot.kick()
        try bench.run()
        #expect(model.negotiated == .version1)
        #expect(model.held[0].queue.usesEventIndex == false)
    }

    @Test("a legacy driver has no FEATURES_OK, and may accept nothing")
    func legacy() throws {
        let bench = try Bench()
        let model = try bench.publish()
        let slot = try bench.guest.slot()
        try slot.discover()
        let queues = try slot.setUpQueues()
        try slot.setStatus(7)
        try slot.kick()
        try queues[0].offer("old")
        try bench.run()
        #expect(try bench.state() == .running)
        #expect(model.negotiated == [])
        #expect(try queues[0].usedIndex == 1)
    }

    @Test("3.1: a status on no path costs the device", arguments: [2, 4, 8, 16, 0x40, 13, 0x7F] as [UInt8])
    func statusGarbage(status: UInt8) throws {
        let bench = try Bench()
        try bench.publish()
        let slot = try bench.guest.slot()
        try slot.setStatus(status)
        try slot.kick()
        try bench.run()
        #expect(try bench.state() == .needsReset)
        #expect(
            try bench.backend.snapshot(of: "one").lastFault == .peer(.status(written: status, current: 0)))
    }

    @Test("3.1: a status that goes back without a reset costs the device")
    func statusBackwards() throws {
        let bench = try Bench()
        let (model, slot, _) = try bench.running()
        try slot.setStatus(3)
        try slot.kick()
        try bench.run()
        #expect(try bench.state() == .needsReset)
        #expect(model.calls == ["activate", "reset"])
    }

    @Test("2.1: FAILED stops the queues until the driver resets")
    func failed() throws {
        let bench = try Bench()
        let (model, slot, _) = try bench.running()
        try slot.setStatus(15 | 128)
        try slot.kick()
        try bench.run()
        #expect(model.calls == ["activate", "reset"])
        #expect(try bench.state() == .published)
        try bench.drive()
        #expect(try bench.state() == .running)
    }

    @Test("Q5: a device doorbell that the link does not have costs the device", arguments: [16, 127, -2])
    func wildDeviceDoorbell(number: Int8) throws {
        let bench = try Bench()
        let (_, slot, queues) = try bench.running()
        try slot.set(.h2c, number)
        try queues[0].offer("who?")
        try slot.kick()
        try bench.run()
        #expect(try bench.state() == .needsReset)
        #expect(
            try bench.backend.snapshot(of: "one").lastFault == .peer(.doorbell(Int(number))))
    }

    @Test("Q15: a driver whose doorbell is −1 has none yet, and is served without one")
    func noDeviceDoorbell() throws {
        let bench = try Bench()
        let (_, slot, queues) = try bench.running()
        try slot.set(.h2c, -1)
        try queues[0].offer("quiet")
        try slot.kick()
        try bench.run()
        #expect(try queues[0].usedIndex == 1)
        #expect(try bench.state() == .running)
    }

    @Test("Q1: lengths that the guest changes in the page move nothing")
    func shapeScribbled() throws {
        let bench = try Bench()
        let (_, slot, queues) = try bench.running()
        try bench.guest.set(slot.offset + 1, 127)
        try bench.guest.set(slot.offset + 2, -1)
        try bench.guest.set(slot.offset + 3, -1)
        try queues[0].offer("same")
        try slot.kick()
        try bench.run()
        #expect(try queues[0].usedIndex == 1)
        #expect(throws: HostError.configLength(255, expected: 5)) {
            try bench.backend.changeConfig(of: "one", to: [UInt8](repeating: 0, count: 255))
        }
    }

    @Test("a chain that breaks the ring's rules costs the device, and the others go on")
    func brokenChain() throws {
        let bench = try Bench()
        try bench.guest.setConfigDoorbell(2)
        let first = try bench.publish("one")
        let second = try bench.publish("two")
        let (slot, queues) = try bench.drive(0)
        let (otherSlot, otherQueues) = try bench.drive(1, doorbell: 4)
        try queues[0].makeAvailable(head: 99)
        try slot.kick()
        try otherQueues[0].offer("fine")
        try otherSlot.kick()
        try bench.run()
        #expect(try bench.state("one") == .needsReset)
        #expect(first.calls == ["activate", "reset"])
        #expect(try bench.state("two") == .running)
        #expect(second.calls == ["activate"])
        #expect(try otherQueues[0].usedIndex == 1)
    }
}
