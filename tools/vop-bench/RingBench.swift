import BenchFloor
import SharedMemory
import Virtio
import Virtqueue

/// One split virtqueue, driver and device in one loop: add, publish, take, complete, reap.
struct RingBench {
    private let extent: Extent
    private let host = MemoryWindow.heap(byteCount: 1 << 16)
    private let guest = MemoryWindow.heap(byteCount: 1 << 20)
    private static let hostBase: UInt64 = 0x10_0000
    private static let guestBase: UInt64 = 0x4000_0000

    init(_ extent: Extent) { self.extent = extent }

    func run(_ report: inout Report) throws {
        floor_pin(0, 0)
        defer { floor_pin(0, -1) }
        for (batch, name, aim) in [(1, "one at a time", 1.05), (32, "by 32", 0.9)] {
            // Short, so that some of the many run undisturbed.
            let rounds = extent.count(8000, smoke: 2000) / batch
            let descriptors = Double(rounds * batch)
            let times = try Measure.interleaved(
                extent.rounds * 20,
                [
                    { try cycle(rounds: rounds, batch: batch) },
                    {
                        try Measure.checked(floor_ring_cycle(UInt32(rounds), UInt32(batch)), "the C ring")
                    },
                ])
            report.add(
                Row(
                    work: "ring cycle, \(name)", against: "C ring", unit: "ns/descriptor",
                    ours: times[0] / descriptors, floor: times[1] / descriptors, aim: .atMost(aim)))
        }
        try count(&report)
    }

    /// What the loop allocates, retains and releases: all of it, not a sample.
    private func count(_ report: inout Report) throws {
        let rounds = extent.count(10_000, smoke: 100)
        var pair = try makeQueues()
        _ = try Self.loop(&pair.driver, &pair.device, rounds: 1, batch: 32)
        floor_count_start()
        _ = try Self.loop(&pair.driver, &pair.device, rounds: rounds, batch: 32)
        floor_count_stop()
        for (name, count) in [
            ("allocations", floor_allocations()), ("retains", floor_retains()),
            ("releases", floor_releases()),
        ] {
            report.add(
                Row(
                    work: "\(name) in that loop", against: "none", unit: "in \(rounds * 32)",
                    ours: Double(count), floor: nil, aim: .atMost(0)))
        }
    }

    private struct Pair: ~Copyable {
        var driver: DriverQueue
        var device: DeviceQueue
    }

    private func makeQueues() throws -> Pair {
        let space = try AddressSpace([
            .init(base: Self.hostBase, window: host), .init(base: Self.guestBase, window: guest),
        ])
        let size = try QueueSize(untrusted: 256)
        func setup() throws -> QueueSetup {
            try QueueSetup(size: size, ringRegion: Self.hostBase, usedRing: Self.guestBase, negotiated: [])
        }
        var driver = try setup().activate(asDriverWithRingsIn: space, usedRingIn: space)
        var device = try setup().activate(asDeviceIn: space)
        driver.disableNotifications()
        device.disableNotifications()
        return Pair(driver: driver, device: device)
    }

    private func cycle(rounds: Int, batch: Int) throws -> Double {
        var pair = try makeQueues()
        let start = ContinuousClock.now
        let told = try Self.loop(&pair.driver, &pair.device, rounds: rounds, batch: batch)
        let elapsed = (ContinuousClock.now - start).inNanoseconds
        guard told == 0 else { throw BenchFailure("somebody asked for a notification") }
        return elapsed
    }

    /// - Returns: how often somebody wanted to be told, which is never.
    @inline(never)
    private static func loop(
        _ driver: inout DriverQueue, _ device: inout DeviceQueue, rounds: Int, batch: Int
    ) throws(PeerViolation) -> Int {
        var told = 0
        for _ in 0..<rounds {
            let count = try driver.submitReadable(count: batch) { index throws(PeerViolation) in
                let address = guestBase &+ 65536 &+ 64 &* UInt64(index)
                return (try PeerRange(untrustedAddress: address, byteCount: 64), UInt64(index))
            }
            precondition(count == batch, "no free descriptors")
            if driver.publishAvailable() { told += 1 }
            while let chain = try device.takeChain() { device.complete(chain, written: 0) }
            if device.publishUsed() { told += 1 }
            var sum: UInt64 = 0
            _ = try driver.takeAllUsed { sum &+= $0.token }
            precondition(sum == UInt64(batch * (batch - 1) / 2), "a token that was lost")
        }
        return told
    }
}
