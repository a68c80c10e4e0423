import Links
import SharedMemory
import Testing
import VOPHost
import Virtio

@testable import HostTestSupport

/// Where the original let a ring lead it (Q4), and where it let a driver wait (Q21).
@Suite("The original's faults: rings") struct RingFaultsTests {
    struct WildBuffer: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let address: @Sendable (ScriptedSlot) throws -> UInt64
    }

    static let wildBuffers: [WildBuffer] = [
        WildBuffer(testDescription: "at zero") { _ in 0 },
        WildBuffer(testDescription: "wrapping 64 bits") { _ in .max - 15 },
        WildBuffer(testDescription: "in the host's device page") { $0.guest.link.devicePageAddress },
        WildBuffer(testDescription: "in the host's rings") { try $0.ringAddress(0) + 4096 },
        WildBuffer(testDescription: "half past the end of the guest's window") {
            try #require($0.guest.link.windows(of: .guest).placements.first).end - 32
        },
        WildBuffer(testDescription: "half before its beginning") {
            try #require($0.guest.link.windows(of: .guest).placements.first).base - 32
        },
    ]

    @Test(
        "Q4: a buffer outside the guest's windows costs the device, and is neither read nor written",
        arguments: wildBuffers, [false, true])
    func wildBuffer(_ wild: WildBuffer, isWritable: Bool) throws {
        let bench = try Bench()
        let (model, slot, queues) = try bench.running()
        let address = try wild.address(slot)
        let host = bench.guest.link.windows(of: .host)
        let range = try? PeerRange(untrustedAddress: address, byteCount: 64)
        let hostBytes = range.flatMap { try? host.window(covering: $0) }
        let before = hostBytes?.bytes(at: 0, byteCount: 64)
        try queues[0].offer("overwrite")
        // The chain that `offer` made available, changed before anybody rings.
        try queues[0].descriptor(
            isWritable ? 1 : 0, address, 64, flags: isWritable ? 2 : 1, next: isWritable ? 0 : 1)
        try slot.kick()
        try bench.run()
        #expect(try bench.state() == .needsReset)
        switch try bench.backend.snapshot(of: "one").lastFault {
        case .peer(.rangeWraps), .peer(.rangeOutsideWindows): break
        case let fault: Issue.record("\(String(describing: fault))")
        }
        #expect(model.statistics.chainsTaken == 0)
        #expect(try queues[0].usedIndex == 0)
        // Only where the host changes nothing itself: it marks the slot of a device that it takes away.
        let kept = address == bench.guest.link.devicePageAddress ? 24 : 64
        #expect(hostBytes?.bytes(at: 0, byteCount: kept) == before.map { Array($0.prefix(kept)) })
    }

    @Test(
        "Q21: a driver that rings only when it was asked to never waits in vain, with the event index and without",
        arguments: [FeatureSet.version1, [.version1, .eventIndex]])
    func ringsWhenAsked(accepted: FeatureSet) throws {
        let bench = try Bench()
        try bench.guest.setConfigDoorbell(2)
        try bench.publish(offered: [.version1, .eventIndex])
        let (slot, queues) = try bench.drive(accepting: accepted.rawValue)
        let queue = queues[0]
        let used = try bench.guest.memory(queue.used, 6 + 8 * queue.entries)
        for round in 0..<300 {
            let index = UInt16(truncatingIfNeeded: round)
            try queue.offer("again")
            let isAsked =
                accepted.contains(.eventIndex)
                ? used.load16(at: 4 + 8 * queue.entries) == index : used.load16(at: 0) & 1 == 0
            if isAsked { try slot.kick() }
            try bench.run()
            try #require(try queue.usedIndex == index &+ 1)
        }
    }
}
