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

/// What the original did in the wrong order, or gave up half way (Q7, Q8, Q13, Q17).
@Suite("The original's faults: handshakes") struct HandshakeFaultsTests {
    @Test("Q7: a guest can be rung before it looks through the page: a device added meanwhile is found")
    func addedWhileItLooks() throws {
        final class Seen {
            var doorbell: Int8?
        }
        let seen = Seen()
        let end = try GuestEnd { host, event in
            guard event.kind == .found, seen.doorbell == nil else { return }
            // In the middle of the guest's first look: its copy of the page is made.
            seen.doorbell = try? host.page.configDoorbell
            _ = try? host.publish(.ninep)
        }
        _ = try end.host.publish(.ninep)
        try end.settle()
        #expect(try #require(seen.doorbell) >= 0)
        #expect(end.guest.snapshots.map(\.name) == ["9p0", "9p1"])
    }

    /// Looks at the page in the moment in which the queues are to stop.
    private final class Witness: HostDeviceModel {
        var atReset: () -> Void = {}
        var queueStatistics: [QueueStatistics] { [] }

        func activate(_ queues: consuming ActiveQueues, driver: DriverLine) { _ = consume queues }
        func service() {}
        func reset() { atReset() }
        func remove() {}
    }

    @Test("Q8: a reset is answered after the queues have stopped")
    func answeredAfterStop() throws {
        let bench = try Bench()
        let witness = Witness()
        try bench.backend.publish(Bench.description(), name: "one", model: witness)
        try bench.run()
        let (slot, _) = try bench.drive()
        var answers: [Int8] = []
        witness.atReset = {
            for field: ScriptedSlot.Field in [.vdevReset, .hostAck] {
                answers.append((try? slot.byte(field)) ?? 9)
            }
        }
        try slot.askReset()
        try bench.run()
        #expect(answers == [1, 0])
        #expect(try slot.byte(.vdevReset) == 0)
        #expect(try slot.byte(.hostAck) == 1)
    }

    @Test("Q8: what a guest sets up in the moment in which its reset is answered stays")
    func setUpAtOnce() throws {
        let bench = try Bench()
        let (_, slot, queues) = try bench.running(sizes: [128])
        let page = try bench.guest.page
        let ring = try bench.guest.memory(queues[0].ring, 8192)
        let answer = slot.control + ScriptedSlot.Field.hostAck.rawValue
        // The last bytes the host clears are the used part's; the available index lies before them.
        let places = [16 * 128 + 2, 4096 + 2, 4096 + 4 + 8 * 128 - 2]
        let guest = try Meddler { _ in
            guard page.loadAcquiring8(at: answer) == 1 else { return }
            for place in places { ring.store16(0x5A5A, at: place) }
            // Until the next time it asks.
            page.storeReleasing8(2, at: answer)
        }
        defer { guest.stop() }
        for _ in 0..<100 {
            try slot.askReset()
            try bench.run()
            try eventually("the guest's setting up") { try slot.byte(.hostAck) == 2 }
            try #require(places.map { ring.load16(at: $0) } == [0x5A5A, 0x5A5A, 0x5A5A])
        }
    }

    @Test("Q13: a config change is told after its last byte: who reads when told reads all of it")
    func toldAfterTheLastByte() throws {
        let bench = try Bench { $0.configChangeLimit = .seconds(3600) }
        try bench.guest.setConfigDoorbell(2)
        let byteCount = 100
        try bench.backend.publish(
            Bench.description(config: [UInt8](repeating: 0, count: byteCount)), name: "one",
            model: EchoModel())
        try bench.run()
        let (slot, _) = try bench.drive()
        let page = try bench.guest.page
        let (config, control) = (slot.configOffset, slot.control)
        let guest = try Meddler { _ in
            // In this order: the host takes the command back before the answer.
            guard page.loadAcquiring8(at: control + 10) == 0, page.loadAcquiring8(at: control + 8) == 2 else {
                return
            }
            // Torn bytes are shown by never answering.
            let bytes = page.bytes(at: config, byteCount: byteCount)
            guard bytes.allSatisfy({ $0 == bytes[0] }) else { return }
            // Where a guest keeps what it read: its own bytes of the page, the accepted features.
            page.store8(bytes[0], at: config - 1)
            page.storeReleasing8(1, at: control + 10)
        }
        defer { guest.stop() }
        for round in 1...100 {
            final class Outcome {
                var value: ConfigChangeOutcome?
            }
            let outcome = Outcome()
            try bench.backend.changeConfig(
                of: "one", to: [UInt8](repeating: UInt8(round), count: byteCount)
            ) { outcome.value = $0 }
            try eventually("the guest's answer") {
                try bench.pass(.milliseconds(1))
                return outcome.value != nil
            }
            try #require(outcome.value == .acknowledged)
            try #require(page.load8(at: config - 1) == UInt8(round))
        }
    }

    @Test("Q17: adds that fail leave nothing taken: no memory, no doorbell, no slot")
    func failedAdds() throws {
        let bench = try Bench()
        let largest = try Bench.description(
            sizes: [8, 8, 8, 8], config: [UInt8](repeating: 1, count: 136))
        var count = 0
        while (try? bench.backend.publish(largest, name: "\(count)", model: EchoModel())) != nil {
            count += 1
        }
        func free() -> (pages: Int, doorbell: DoorbellNumber) {
            var held: [PeerRange] = []
            while let range = try? bench.hostLink.allocate(byteCount: 4096, alignment: 4096) {
                held.append(range)
            }
            for range in held { bench.hostLink.free(range) }
            let doorbell = bench.hostLink.allocateDoorbell()
            bench.hostLink.releaseDoorbell(doorbell)
            return (held.count, doorbell)
        }
        let before = free()
        for _ in 0..<50 {
            #expect(throws: HostError.self) {
                try bench.backend.publish(largest, name: "late", model: EchoModel())
            }
        }
        #expect(free() == before)
        #expect(try bench.guest.slots().count == count)
        #expect(bench.backend.snapshots.count == count)
    }
}
