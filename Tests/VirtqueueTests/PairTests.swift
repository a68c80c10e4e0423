import Glibc
import LinuxSystem
import SharedMemory
import Synchronization
import TestSupport
import Testing
import Virtio
import Virtqueue

/// Our two ends against each other, and against a model of what a queue is: chains go over in order, come back in any.
@Suite struct PairTests {
    static let featureSets: [FeatureSet] = [[], [.eventIndex]]

    @Test(
        "random operations agree with the model", arguments: 0..<12, featureSets)
    func model(seed: UInt64, features: FeatureSet) throws {
        var random = SeededGenerator(seed: seed)
        let size = [1, 2, 8, 64][Int(seed) % 4]
        let memory = try RingMemory(size: size, features: features, usedApart: seed % 3 != 0)
        var driver = try memory.driver()
        var device = try memory.device()
        // The model: tokens committed, shown, taken, completed, shown as used.
        var committed: [UInt64] = []
        var shown: [UInt64] = []
        var taken: [(chain: DescriptorChain, token: UInt64)] = []
        var completed: [(token: UInt64, written: UInt32)] = []
        var shownUsed: [(token: UInt64, written: UInt32)] = []
        var nextToken: UInt64 = 0
        var outstanding = 0

        for _ in 0..<20000 {
            switch Int.random(in: 0..<6, using: &random) {
            case 0, 1:
                // One readable range that names the token, and up to two writable ones.
                let writableCount = Int.random(in: 0...2, using: &random)
                guard driver.freeCount > writableCount else {
                    #expect(outstanding + writableCount >= size)
                    continue
                }
                let place = Int(nextToken % 1000) * 48
                memory.fill(place, (0..<8).map { UInt8(truncatingIfNeeded: nextToken >> (8 * UInt64($0))) })
                driver.begin(token: nextToken)
                _ = driver.appendReadable(try memory.range(place, 8))
                for part in 0..<writableCount {
                    _ = driver.appendWritable(try memory.range(place + 16 + 8 * part, 8))
                }
                driver.commit()
                committed.append(nextToken)
                nextToken += 1
                outstanding += 1 + writableCount
            case 2:
                _ = driver.publishAvailable()
                shown += committed
                committed = []
            case 3:
                guard let chain = try device.takeChain() else {
                    #expect(shown.isEmpty)
                    continue
                }
                let token = shown.removeFirst()
                let name = device.readAll(chain)
                #expect(name == (0..<8).map { UInt8(truncatingIfNeeded: token >> (8 * UInt64($0))) })
                taken.append((chain, token))
            case 4:
                guard let index = taken.indices.randomElement(using: &random) else { continue }
                let (chain, token) = taken.remove(at: index)
                let written = UInt32.random(in: 0...chain.writableByteCount, using: &random)
                device.answer(
                    chain, [UInt8](repeating: UInt8(truncatingIfNeeded: token), count: Int(written)))
                completed.append((token, written))
                if Bool.random(using: &random) {
                    _ = device.publishUsed()
                    shownUsed += completed
                    completed = []
                }
            default:
                guard let used = try driver.takeUsed() else {
                    #expect(shownUsed.isEmpty)
                    continue
                }
                let (token, written) = shownUsed.removeFirst()
                #expect(used.token == token)
                #expect(used.written == written)
                let place = Int(token % 1000) * 48 + 16
                #expect(
                    memory.bytes(place, Int(written))
                        == [UInt8](repeating: UInt8(truncatingIfNeeded: token), count: Int(written)))
                outstanding = size - driver.freeCount
            }
        }
        let inFlight = device.inFlightCount
        #expect(inFlight == taken.count)
    }

    /// How a waiting end learns that the other wants it: only by this, so a lost notification hangs the test's
    /// bounded spin and fails it.
    final class Bell: Sendable {
        private let counter = Atomic<UInt64>(0)
        func ring() { counter.add(1, ordering: .releasing) }

        /// Waits until it rang more often than `seen`.
        func wait(after seen: inout UInt64) -> Bool {
            for round in 0..<200_000_000 {
                let now = counter.load(ordering: .acquiring)
                if now != seen {
                    seen = now
                    return true
                }
                if round % 1000 == 999 { sched_yield() }
            }
            return false
        }
    }

    struct Outcome: Sendable {
        var checksum: UInt64 = 0
        var bytes = 0
        var lost = false
    }

    @Test(
        "two threads, notified only when the queue says so: a stream arrives whole", arguments: featureSets,
        [4, 256])
    func stream(features: FeatureSet, size: Int) throws {
        let chainCount = 20000
        let memory = try RingMemory(size: size, features: features, bufferBytes: 1 << 18)
        let toDevice = Bell()
        let toDriver = Bell()
        let outcome = Mutex(Outcome())
        let space = memory.space
        let setup = (size: memory.size, used: memory.usedAddress)
        var driver = try memory.driver()

        let worker = try Thread("device") {
            let result = Self.serve(
                setup.size, setup.used, features, space, chainCount: chainCount, bell: toDevice,
                other: toDriver)
            outcome.withLock { $0 = result }
        }
        var expected = Outcome()
        var seen: UInt64 = 0
        var sent = 0
        var returned = 0
        var random = SeededGenerator(seed: UInt64(size))
        _ = driver.enableNotifications()
        while returned < chainCount {
            var progress = false
            while sent < chainCount, driver.freeCount >= 2 {
                let slot = sent % size
                let bytes = (0..<Int.random(in: 1...200, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
                memory.fill(slot * 512, bytes)
                for byte in bytes { expected.checksum = expected.checksum &* 31 &+ UInt64(byte) }
                expected.bytes += bytes.count
                driver.begin(token: UInt64(sent))
                _ = driver.appendReadable(try memory.range(slot * 512, bytes.count))
                _ = driver.appendWritable(try memory.range(slot * 512 + 256, 4))
                driver.commit()
                sent += 1
                progress = true
            }
            if driver.publishAvailable() { toDevice.ring() }
            while let used = try driver.takeUsed() {
                #expect(used.token == UInt64(returned))
                #expect(used.written == 4)
                returned += 1
                progress = true
            }
            guard !progress, returned < chainCount, !driver.enableNotifications() else { continue }
            guard toDriver.wait(after: &seen) else {
                Issue.record("the driver was never notified, \(returned) of \(chainCount) came back")
                break
            }
        }
        worker.join()
        let result = outcome.withLock { $0 }
        #expect(!result.lost)
        #expect(result.checksum == expected.checksum)
        #expect(result.bytes == expected.bytes)
    }

    /// The device's loop: takes, sums, answers with four bytes.
    private static func serve(
        _ size: QueueSize, _ used: UInt64, _ features: FeatureSet, _ space: AddressSpace, chainCount: Int,
        bell: Bell, other: Bell
    ) -> Outcome {
        var outcome = Outcome()
        var seen: UInt64 = 0
        var count = 0
        do {
            var device = try QueueSetup(
                size: size, ringRegion: RingMemory.hostBase, usedRing: used, negotiated: features
            ).activate(asDeviceIn: space)
            var answer: [UInt8] = [1, 2, 3, 4]
            while count < chainCount {
                device.disableNotifications()
                while let chain = try device.takeChain() {
                    for byte in device.readAll(chain) {
                        outcome.checksum = outcome.checksum &* 31 &+ UInt64(byte)
                    }
                    outcome.bytes += Int(chain.readableByteCount)
                    answer[0] = UInt8(truncatingIfNeeded: count)
                    device.answer(chain, answer)
                    count += 1
                    if count % 3 == 0, device.publishUsed() { other.ring() }
                }
                if device.publishUsed() { other.ring() }
                guard count < chainCount, !device.enableNotifications() else { continue }
                guard bell.wait(after: &seen) else {
                    outcome.lost = true
                    break
                }
            }
        } catch { outcome.lost = true }
        return outcome
    }
}
