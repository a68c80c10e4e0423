import Links
import SharedMemory
import TestSupport
import Testing
import Virtio

@testable import HostTestSupport
@testable import VOPHost

/// A guest that writes anything anywhere, at any time: the host neither stops nor leaks, and costs it its devices only.
@Suite struct HostileGuestTests {
    private func hostile() throws -> Bench {
        let bench = try Bench { settings in
            settings.removalLimit = .milliseconds(50)
            settings.unusedRemovalLimit = .milliseconds(20)
            settings.slotReleaseLimit = .milliseconds(20)
            settings.configChangeLimit = .milliseconds(50)
            settings.republishInterval = .milliseconds(1)
            settings.republishIntervalMaximum = .milliseconds(2)
            settings.quarantineMaximum = 8
        }
        for (index, sizes) in [[8], [16, 128], [4, 8, 16, 32] as [UInt32]].enumerated() {
            try bench.publish("device\(index)", sizes: sizes)
        }
        return bench
    }

    @Test(
        "random bytes all over the page, the rings and the doorbells",
        arguments: 1...40 as ClosedRange<UInt64>)
    func anything(seed: UInt64) throws {
        var dice = SeededGenerator(seed: seed)
        let bench = try hostile()
        let window = bench.guest.link.windows(of: .host).placements[0].window
        for _ in 0..<400 {
            for _ in 0..<Int.random(in: 1...6, using: &dice) {
                // Mostly the page's first slots, now and then the rings behind it.
                let reach = Bool.random(using: &dice) ? 400 : 65536
                let interesting: [UInt8] = [
                    0, 1, 2, 3, 7, 9, 11, 15, 0x7F, 0x80, 0xFF, .random(in: 0...255, using: &dice),
                ]
                window.store8(
                    interesting.randomElement(using: &dice) ?? 0, at: Int.random(in: 0..<reach, using: &dice))
            }
            bench.guest.ring(Int8.random(in: 0...15, using: &dice))
            try bench.run()
            if Int.random(in: 0..<8, using: &dice) == 0 { try bench.pass(.milliseconds(30)) }
        }
        #expect(bench.backend.snapshots.count == 3)
        try recovers(bench)
    }

    @Test("a guest that drives, then breaks things", arguments: 100...130 as ClosedRange<UInt64>)
    func drivesThenBreaks(seed: UInt64) throws {
        var dice = SeededGenerator(seed: seed)
        let bench = try hostile()
        try bench.guest.setConfigDoorbell(2)
        for _ in 0..<20 {
            guard let slots = try? bench.guest.slots(), !slots.isEmpty else {
                try bench.pass(.milliseconds(100))
                continue
            }
            let index = Int.random(in: 0..<slots.count, using: &dice)
            guard let (slot, queues) = try? bench.drive(index, accepting: 1 << 32) else { continue }
            for (number, queue) in queues.enumerated() {
                guard queue.entries >= 4 else { continue }
                try? queue.offer("seed \(seed) queue \(number)", head: UInt16.random(in: 0...2, using: &dice))
                try? queue.descriptor(
                    Int.random(in: 0..<4, using: &dice), .random(in: 0...(.max), using: &dice),
                    .random(in: 0...(.max), using: &dice), flags: .random(in: 0...7, using: &dice),
                    next: .random(in: 0...8, using: &dice))
                try? queue.makeAvailable(head: UInt16.random(in: 0...6, using: &dice))
            }
            try? slot.kick()
            try bench.run()
            if Bool.random(using: &dice) { try? slot.letGo() }
            try bench.pass(.milliseconds(Int.random(in: 0...60, using: &dice)))
        }
        try recovers(bench)
    }

    /// The peer goes, an honest one comes: everything works.
    private func recovers(_ bench: Bench) throws {
        bench.guest.link.stop()
        try bench.run()
        #expect(bench.backend.snapshots.allSatisfy { $0.state == .waiting })
        #expect(bench.backend.quarantinedByteCount == 0)
        try bench.meet()
        try bench.guest.setConfigDoorbell(2)
        #expect(try bench.guest.slots().count == 3)
        for index in 0..<3 {
            let (slot, queues) = try bench.drive(index)
            try queues[0].offer("honest")
            try slot.kick()
            try bench.run()
            #expect(try queues[0].answer(6) == "honest")
        }
    }
}
