import DevicePage
import GuestTestSupport
import Links
import SharedMemory
import TestSupport
import Testing
import VOPGuest
import VOPHost
import Virtio

@testable import HostTestSupport

/// What the original believed because it stood in the page (Q1, Q2).
@Suite("The original's faults: the page") struct PageFaultsTests {
    @Test("Q1: lengths that never hold still move nothing: requests are answered, config changes stay inside")
    func lengthsInMotion() throws {
        let bench = try Bench()
        let (_, slot, queues) = try bench.running()
        try bench.publish("neighbour")
        let neighbour = try bench.guest.slot(1)
        let page = try bench.guest.page
        let untouched = page.bytes(at: neighbour.offset, byteCount: neighbour.byteCount)
        let start = slot.offset
        let meddler = try Meddler { step in
            // Type 9 stays; num_vq, feature_len and config_len are absurd, none, and other legal ones.
            let words: [UInt32] = [0xFFFF_FF09, 0x0000_0009, 0x9004_0409, 0xFF08_0109]
            page.store32(words[step % 4], at: start)
            page.store16(UInt16(truncatingIfNeeded: step), at: start + 8 + 16)
        }
        defer { meddler.stop() }
        let limit = ContinuousClock.now + HangGuard.limit
        var round = 0
        while round < 200 || meddler.steps < 100 {
            try #require(.now < limit, "the other thread never ran")
            try queues[0].offer("round")
            try slot.kick()
            try bench.backend.changeConfig(of: "one", to: [3, 0, 1, 2, UInt8(truncatingIfNeeded: round)])
            try bench.run()
            round += 1
            try #require(try queues[0].usedIndex == UInt16(truncatingIfNeeded: round))
        }
        #expect(page.load8(at: slot.configOffset + 4) == UInt8(truncatingIfNeeded: round - 1))
        #expect(page.bytes(at: neighbour.offset, byteCount: neighbour.byteCount) == untouched)
        #expect(try bench.state() == .running)
    }

    @Test("Q1: what was taken is not read again: addresses and sizes changed afterwards count for nothing")
    func changedAfterwards() throws {
        let bench = try Bench()
        try bench.publish()
        let slot = try bench.guest.slot()
        try slot.discover()
        for status: UInt8 in [1, 3] {
            try slot.setStatus(status)
            try slot.kick()
            try bench.run()
        }
        try slot.accept(1 << 32)
        try slot.setStatus(11)
        let queues = try slot.setUpQueues()
        try bench.run()
        #expect(try slot.byte(.usedAddressUpdated) == 0)
        // All three fields of the queue's entry.
        let page = try bench.guest.page
        page.store64(.max, at: slot.offset + 8)
        page.store64(.max, at: slot.offset + 16)
        page.store16(.max, at: slot.offset + 24)
        try slot.setStatus(15)
        try slot.kick()
        try queues[0].offer("as it was")
        try bench.run()
        #expect(try bench.state() == .running)
        #expect(try queues[0].usedIndex == 1)
        #expect(try queues[0].answer(9) == "as it was")
    }

    @Test("Q1: a slot that the host moves into a live device's is not taken for a device")
    func slotInsideSlot() throws {
        let end = try GuestEnd()
        let device = try end.runningDevice()
        let page = try end.host.pageWindow()
        let start = device.slot.offset.rawValue
        // Shorter lengths lead the walk to the control block's `vdev`, which then reads as a slot's header.
        let inside = start + device.slot.shape.controlOffset
        page.store8(4, at: start + 2)
        page.store8(0, at: start + 3)
        page.store32(0x0408_0109, at: inside)
        #expect(start + 8 + 24 + 2 * 4 + 16 == inside)
        for _ in 0..<3 {
            end.host.ringConfig()
            try end.settle()
        }
        #expect(end.guest.snapshots.map(\.name) == ["9p0"])
        #expect(try end.guest.snapshot(of: "9p0").state == .running)
        let refusals = end.events.filter { $0.device == nil && $0.kind == .failed }
        #expect(refusals.count == 1)
        #expect(refusals.first?.detail.contains("overlaps") == true)
    }

    @Test("Q2: the guest keeps no pointer in the page: vdev stays as it was from binding to letting go")
    func noPointer() throws {
        let end = try GuestEnd()
        let device = try end.host.publish(.ninep)
        let page = try end.host.pageWindow()
        let vdev = device.slot.offset.rawValue + device.slot.shape.controlOffset
        #expect(page.load64(at: vdev) == 0)
        page.store64(0xFEED_FACE_CAFE_F00D, at: vdev)
        try end.settle()
        try end.host.acceptUsedRings(of: device)
        try end.settle()
        #expect(try end.guest.snapshot(of: "9p0").state == .running)
        #expect(page.load64(at: vdev) == 0xFEED_FACE_CAFE_F00D)
        end.guest.unload()
        try end.host.answerReset(of: device)
        try end.settle()
        #expect(end.guest.isUnloaded)
        #expect(page.load64(at: vdev) == 0xFEED_FACE_CAFE_F00D)
    }
}
