import Links
import SharedMemory
import TestSupport
import Testing
import Virtio

@testable import HostTestSupport
@testable import VOPHost

/// One device's guest scribbles over all that is that device's, from a thread of its own, while another device of the
/// same link is in use.
@Suite struct HostileTrafficTests {
    /// Writes anything into ring, used ring, and the slot's status, addresses and control block.
    private func scribbler(_ seed: UInt64, _ slot: ScriptedSlot, _ queue: ScriptedQueue) throws -> Meddler {
        let page = try slot.guest.page
        let ring = try slot.guest.memory(queue.ring, 16 * queue.entries + 6 + 2 * queue.entries)
        let used = try slot.guest.memory(queue.used, 6 + 8 * queue.entries)
        // Neither the type, which would be letting go, nor the doorbell the test itself looks up there.
        let places =
            [slot.offset + 4] + (slot.offset + 16..<slot.offset + 24) + (slot.control..<slot.control + 13)
            + [slot.control + 14]
        return try Meddler { step in
            var dice = SeededGenerator(seed: seed &* 0x1_0000_0000 &+ UInt64(step))
            let value = UInt8(truncatingIfNeeded: dice.next())
            switch dice.next() % 4 {
            case 0: page.store8(value, at: places[Int(dice.next() % UInt64(places.count))])
            case 1: used.store8(value, at: Int(dice.next() % UInt64(used.byteCount)))
            default: ring.store8(value, at: Int(dice.next() % UInt64(ring.byteCount)))
            }
        }
    }

    /// Rings whatever there is, and sees one request of the honest device through.
    private func request(
        _ number: Int, _ bench: Bench, _ slot: ScriptedSlot, _ queue: ScriptedQueue
    ) throws {
        let text = "request \(number)"
        try queue.offer(text)
        for doorbell in 0..<16 { bench.guest.ring(Int8(doorbell)) }
        try bench.run()
        try #require(try queue.usedIndex == UInt16(truncatingIfNeeded: number))
        try #require(try queue.answer(text.utf8.count) == text)
    }

    @Test(
        "one device scribbled over without end: the other's requests all complete, and it serves again each time",
        arguments: 1...3 as ClosedRange<UInt64>)
    func scribbledOver(seed: UInt64) throws {
        let bench = try Bench { settings in
            settings.republishInterval = .milliseconds(1)
            settings.republishIntervalMaximum = .milliseconds(2)
        }
        try bench.guest.setConfigDoorbell(2)
        try bench.publish("broken", sizes: [16])
        try bench.publish("other", sizes: [16])
        let (other, otherQueues) = try bench.drive(1, doorbell: 4)
        bench.clearEvents()
        let limit = ContinuousClock.now + HangGuard.limit
        var number = 0
        let lives: UInt64 = 8
        for life in 0..<lives {
            let index = try #require(try bench.guest.slots().firstIndex { $0.offset != other.offset })
            let (slot, queues) = try bench.drive(index)
            try queues[0].offer("honest")
            try slot.kick()
            try bench.run()
            try #require(try queues[0].answer(6) == "honest")

            let meddler = try scribbler(seed &* 100 &+ life, slot, queues[0])
            while try bench.state("broken") != .needsReset {
                try #require(.now < limit, "the scribbled device goes on as if nothing were wrong")
                number += 1
                try request(number, bench, other, otherQueues[0])
            }
            // It is off already, and is scribbled over all the same.
            for _ in 0..<20 {
                number += 1
                try request(number, bench, other, otherQueues[0])
            }
            meddler.stop()
            try slot.letGo()
            try bench.pass(.seconds(3))
            try #require(try bench.state("broken") == .published)
        }
        #expect(bench.backend.quarantinedByteCount == 0)
        #expect(try bench.state("other") == .running)
        #expect(bench.events.allSatisfy { $0.device != "other" })
        // The clock has not moved on by a minute: one line a cause.
        let faults = bench.events.filter { $0.kind == .needsReset }
        #expect(faults.count >= Int(lives))
        let causes = faults.filter(\.isWorthLogging).map { $0.detail.prefix { $0 != "(" } }
        #expect(!causes.isEmpty && Set(causes).count == causes.count)
    }
}
