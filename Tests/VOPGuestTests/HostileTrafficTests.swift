import DevicePage
import GuestTestSupport
import Links
import SharedMemory
import TestSupport
import Testing
import VOPGuest
import Virtio

/// A host that scribbles over all that is one device's, from a thread of its own, while another device of the same link is
/// in use.
@Suite struct HostileTrafficTests {
    /// All that a host can write of one device, and how it was when it was published.
    private struct Prey {
        let page: MemoryWindow
        let ring: MemoryWindow
        let used: MemoryWindow
        /// Neither the type nor our doorbell, which would be taking the device away, nor what asks us to let go.
        let places: [Int]
        private let slot: (start: Int, bytes: [UInt8])
        private let ringBytes: [UInt8]

        init(_ device: ScriptedHost.Device, _ bench: EchoBench) throws {
            page = try bench.host.pageWindow()
            ring = try bench.host.link.addressSpace.window(covering: device.rings[0])
            used = try bench.host.link.windows(of: .guest).window(
                covering: PeerRange(untrustedAddress: device.slot.usedAddress(of: 0), byteCount: 6 + 8 * 8))
            let (start, control) = (
                device.slot.offset.rawValue, device.slot.offset.rawValue + device.slot.shape.controlOffset
            )
            places = [start + 4] + (start + 8..<control + 8) + (control + 9..<control + 14)
            slot = (start + 4, page.bytes(at: start + 4, byteCount: control + 14 - start - 4))
            ringBytes = ring.bytes(at: 0, byteCount: ring.byteCount)
        }

        func scribbler(_ seed: UInt64) throws -> Meddler {
            try Meddler { [page, ring, used, places] step in
                var dice = SeededGenerator(seed: seed &* 0x1_0000_0000 &+ UInt64(step))
                let value = UInt8(truncatingIfNeeded: dice.next())
                switch dice.below(4) {
                case 0: page.store8(value, at: places[Int(dice.below(UInt64(places.count)))])
                case 1: used.store8(value, at: Int(dice.below(UInt64(used.byteCount))))
                default: ring.store8(value, at: Int(dice.below(UInt64(ring.byteCount))))
                }
            }
        }

        /// As it was: the host means well again.
        func restore() {
            ring.write(ringBytes, at: 0)
            page.write(slot.bytes, at: slot.start)
        }
    }

    @Test(
        "one device scribbled over without end: the other's requests are all answered, and it is driven again each time",
        arguments: 1...3 as ClosedRange<UInt64>)
    func scribbledOver(seed: UInt64) throws {
        let bench = try EchoBench()
        let broken = try bench.host.publish(.entropy)
        try bench.settle()
        let prey = try Prey(broken, bench)
        _ = try bench.run(broken, "rng0")
        let other = try bench.runningDevice("rng1")
        let limit = ContinuousClock.now + HangGuard.limit
        let lives: UInt64 = 8
        for life in 0..<lives {
            let meddler = try prey.scribbler(seed &* 100 &+ life)
            while try bench.state("rng0") != .failed {
                try #require(.now < limit, "the scribbled device goes on as if nothing were wrong")
                try turn(bench, other)
            }
            // It is off already, and is scribbled over all the same.
            for _ in 0..<20 { try turn(bench, other) }
            meddler.stop()
            prey.restore()
            try bench.guest.reset("rng0")
            try bench.settle()
            try bench.host.answerReset(of: broken)
            try bench.settle()
            _ = try bench.run(broken, "rng0")
        }
        #expect(bench.guest.quarantinedByteCount == 0)
        #expect(bench.events.allSatisfy { $0.device != "rng1" || [.found, .bound].contains($0.kind) })
        // The clock has not moved on by a minute: one line a cause.
        let failures = bench.events.filter { $0.kind == .failed }
        #expect(failures.count == Int(lives) && failures.allSatisfy { $0.device == "rng0" })
        let causes = failures.filter(\.isWorthLogging).map { EventCause("", nil, $0.detail) }
        #expect(!causes.isEmpty && Set(causes).count == causes.count)
    }

    /// Rings whatever there is, and sees requests of the honest device through.
    private func turn(_ bench: EchoBench, _ other: EchoServer) throws {
        let before = bench.answeredCount(of: "rng1")
        try other.serve()
        bench.ringEverything()
        try bench.guest.service()
        try #require(bench.answeredCount(of: "rng1") == before + EchoDriver.depth)
    }
}
