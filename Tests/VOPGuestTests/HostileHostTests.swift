import DevicePage
import GuestTestSupport
import Links
import SharedMemory
import TestSupport
import Testing
import VOPGuest
import Virtio

/// A host that writes anything anywhere, and answers when it likes.
@Suite struct HostileHostTests {
    @Test(
        "random bytes all over the page, the rings, our window and the doorbells: no more than the link is lost, and it heals",
        arguments: 1...40 as ClosedRange<UInt64>)
    func anything(seed: UInt64) throws {
        var dice = SeededGenerator(seed: seed)
        let bench = try EchoBench()
        _ = try bench.runningDevice("rng0")
        _ = try bench.runningDevice("rng1")
        let host = bench.host.link.windows(of: .host).placements[0].window
        let guest = bench.host.link.windows(of: .guest).placements[0].window
        let interesting: [UInt8] = [0, 1, 2, 3, 4, 7, 9, 11, 15, 0x7F, 0x80, 0xFF]
        for _ in 0..<300 {
            for _ in 0..<Int.random(in: 1...6, using: &dice) {
                // Mostly the page's first slots, now and then the rings behind it, or the used rings and buffers.
                let (window, reach) =
                    [(host, 400), (host, 400), (host, 65536), (guest, 65536)].randomElement(using: &dice)
                    ?? (host, 400)
                let value = interesting.randomElement(using: &dice) ?? 0
                window.store8(
                    dice.below(4) == 0 ? UInt8.random(in: 0...255, using: &dice) : value,
                    at: Int.random(in: 0..<reach, using: &dice))
            }
            if let number = DoorbellNumber(rawValue: Int(dice.below(16))) { bench.host.link.ring(number) }
            if dice.below(4) == 0 { bench.host.ringConfig() }
            try bench.guest.service()
            if dice.below(8) == 0 { bench.pass(.milliseconds(Int.random(in: 1...4000, using: &dice))) }
            #expect(bench.guest.quarantinedByteCount <= UInt64(guest.byteCount))
        }
        bench.host.link.stop()
        try bench.settle()
        #expect(bench.guest.snapshots.isEmpty && bench.guest.quarantinedByteCount == 0)
        try bench.meet()
        _ = try bench.runningDevice("rng0")
        _ = try bench.runningDevice("rng1")
    }

    @Test("Q10: an answer to a reset that comes late brings nothing back, and harms nobody")
    func lateReset() throws {
        let bench = try EchoBench()
        let late = try bench.runningDevice("rng0").device
        let other = try bench.runningDevice("rng1")
        try bench.guest.reset("rng0")
        bench.pass(.seconds(11))
        try bench.settle()
        let quarantined = bench.guest.quarantinedByteCount
        #expect(try bench.state("rng0") == .failed && quarantined > 0)
        late.slot.setStatus([])
        late.slot.control.acknowledgeReset()
        bench.host.ring(late)
        try bench.settle()
        #expect(try bench.state("rng0") == .failed && bench.guest.quarantinedByteCount == quarantined)
        #expect(throws: GuestError.self) { try bench.guest.reset("rng0") }
        try other.serve()
        try bench.settle()
        #expect(bench.answeredCount(of: "rng1") == 2 * EchoDriver.depth)
    }

    @Test("Q10: used rings accepted late do not bring the device up, which was asked nothing more")
    func lateUsedRings() throws {
        let bench = try EchoBench()
        let late = try bench.host.publish(.entropy)
        try bench.settle()
        bench.pass(.seconds(61))
        try bench.settle()
        #expect(try bench.state("rng0") == .failed)
        late.slot.control.acknowledgeUsedAddresses()
        bench.host.ring(late)
        try bench.settle()
        #expect(try bench.state("rng0") == .failed && !late.slot.status.contains(.driverOK))
        _ = try bench.runningDevice("rng1")
    }

    @Test("Q10: what is answered twice ends one handshake, and not the next")
    func answeredTwice() throws {
        let bench = try EchoBench()
        let device = try bench.runningDevice("rng0").device
        for _ in 0..<3 {
            // Left over from nothing that was asked.
            device.slot.control.acknowledgeReset()
            device.slot.control.acknowledgeUsedAddresses()
            bench.host.ring(device)
            try bench.settle()
            #expect(try bench.state("rng0") == .running)
            try bench.guest.reset("rng0")
            try bench.settle()
            #expect(try bench.state("rng0") == .resetting)
            bench.pass(.milliseconds(100))
            try bench.settle()
            try #require(try bench.state("rng0") == .resetting)
            clearRings(of: device, bench)
            try bench.host.answerReset(of: device)
            try bench.settle()
            #expect(try bench.state("rng0") == .settingUp)
            _ = try bench.run(device, "rng0")
        }
        #expect(bench.guest.quarantinedByteCount == 0)
    }

    /// As a host does in a reset: all but the trailer.
    private func clearRings(of device: ScriptedHost.Device, _ bench: EchoBench) {
        guard let ring = try? bench.host.link.addressSpace.window(covering: device.rings[0]) else { return }
        ring.zero(at: 0, byteCount: 16 * 8 + 6 + 2 * 8)
    }
}
