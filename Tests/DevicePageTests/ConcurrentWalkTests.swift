import DevicePage
import LinuxSystem
import SharedMemory
import Synchronization
import TestSupport
import Testing
import Virtio

/// What a walker on another thread found wrong, and whether it is to stop.
private final class Watch: Sendable {
    let complaint = Mutex<String?>(nil)
    let walks = Atomic(0)
    let isDone = Atomic(false)

    func complain(_ text: String) { complaint.withLock { $0 = $0 ?? text } }
}

@Suite("A guest that walks while the host writes")
struct ConcurrentWalkTests {
    /// Three devices that stay, at the beginning, in the middle and (for a while) at the end.
    @Test("Q14: the devices that stay are seen by every walk, whole, while others come and go around them")
    func walkWhileChanging() throws {
        let window = MemoryWindow.heap(byteCount: 4096)
        var publisher = PagePublisher(formatting: window)
        var generator = SeededGenerator(seed: 99)
        let fixed = try DeviceDescription(
            type: .vsock, queueSizes: [8, 8, 8], offered: FeatureSet(rawValue: 0x5A5A),
            config: [UInt8](repeating: 0x5A, count: 8))
        var stays: Set<Int> = []
        var others: [DeviceSlot] = []
        for _ in 0..<3 {
            stays.insert(
                try publisher.publish(fixed, ringAddresses: [1, 2, 3], guestToHostDoorbell: 9).offset.rawValue
            )
            for _ in 0..<4 {
                others.append(
                    try publisher.publish(
                        PageChurnTests.randomDescription(&generator).onlyFirstQueue(),
                        ringAddresses: [0x7000],
                        guestToHostDoorbell: 1))
            }
        }
        let watch = Watch()
        let wanted = stays
        let walker = try Thread("walker") {
            while !watch.isDone.load(ordering: .relaxed) {
                let snapshot = PageSnapshot(copyingFrom: window)
                if case .changing = snapshot.ending { continue }
                watch.walks.add(1, ordering: .relaxed)
                if let violation = snapshot.violation { watch.complain("\(violation)") }
                let found = snapshot.devices.filter { wanted.contains($0.offset.rawValue) }
                if Set(found.map(\.offset.rawValue)) != wanted {
                    watch.complain("a device that stays was not seen")
                }
                if found.contains(where: { $0.type != .vsock || $0.config.contains { $0 != 0x5A } }) {
                    watch.complain("a device that stays was torn")
                }
            }
        }
        let limit = ContinuousClock.now + .seconds(60)
        var steps = 0
        // Until the walker has been through a hundred times while something changed.
        while steps < 20_000 || (watch.walks.load(ordering: .relaxed) < 100 && ContinuousClock.now < limit) {
            steps += 1
            if Bool.random(using: &generator), !others.isEmpty {
                publisher.retire(others.remove(at: Int.random(in: others.indices, using: &generator)))
            } else if let slot = try? publisher.publish(
                PageChurnTests.randomDescription(&generator).onlyFirstQueue(), ringAddresses: [0x7000],
                guestToHostDoorbell: 1)
            {
                others.append(slot)
            }
        }
        watch.isDone.store(true, ordering: .relaxed)
        walker.join()
        #expect(watch.complaint.withLock { $0 } == nil)
        #expect(watch.walks.load(ordering: .relaxed) > 0)
        let rest = PageSnapshot(copyingFrom: window)
        #expect(rest.devices.count == stays.count + others.count && rest.violation == nil)
    }

    @Test("Q1: a host that never holds still yields only checked copies, and walks end")
    func restlessHost() throws {
        let window = MemoryWindow.heap(byteCount: 4096)
        window.store32(BootParameters.magic, at: 0)
        let watch = Watch()
        let writer = try Thread("restless") {
            var generator = SeededGenerator(seed: 5)
            while !watch.isDone.load(ordering: .relaxed) {
                // Lengths that jump between legal and absurd, type 1, at the first two places of a slot.
                let lengths: [[UInt8]] = [
                    [1, 2, 8, 12], [1, 255, 255, 255], [1, 4, 4, 144], [255, 0, 0, 0],
                ]
                let word = lengths.randomElement(using: &generator) ?? lengths[0]
                window.store32(
                    UInt32(word[0]) | UInt32(word[1]) << 8 | UInt32(word[2]) << 16 | UInt32(word[3]) << 24,
                    at: Bool.random(using: &generator) ? 24 : 128)
            }
        }
        for _ in 0..<20_000 {
            for entry in PageSnapshot(copyingFrom: window).devices {
                try #require(entry.shape.queueCount <= 4 && entry.shape.controlOffset <= 256)
                try #require(entry.queues.count == entry.shape.queueCount)
                try #require(entry.config.count == entry.shape.configByteCount)
            }
        }
        watch.isDone.store(true, ordering: .relaxed)
        writer.join()
    }
}

extension DeviceDescription {
    /// The same with one queue, so that any ring address list of one will do.
    fileprivate func onlyFirstQueue() throws -> DeviceDescription {
        try DeviceDescription(
            type: type, queueSizes: [8], featureByteCount: featureByteCount, offered: offered, config: config)
    }
}
