import DevicePage
import SharedMemory
import TestSupport
import Testing
import Virtio

/// What the page must show, kept apart from the publisher's own record.
struct ExpectedPage {
    struct Device {
        var slot: DeviceSlot
        var description: DeviceDescription
        var ringAddresses: [UInt64]
        var byteCount: Int
    }

    var devices: [Int: Device] = [:]

    /// Free runs between live devices: byte counts, and whether the run reaches the end of the page.
    var freeRuns: [(byteCount: Int, isLast: Bool)] {
        var runs: [(byteCount: Int, isLast: Bool)] = []
        var position = 24
        for (offset, device) in devices.sorted(by: { $0.key < $1.key }) {
            if offset > position { runs.append((offset - position, false)) }
            position = offset + device.byteCount
        }
        return runs + [(4096 - position, true)]
    }

    /// By the rule as it is stated: an exact fit, or at least 24 bytes left for a filler; the last run has no filler.
    func fits(_ byteCount: Int) -> Bool {
        freeRuns.contains { run in
            run.isLast
                ? byteCount <= run.byteCount : byteCount == run.byteCount || byteCount + 24 <= run.byteCount
        }
    }
}

@Suite("Adding and removing")
struct PageChurnTests {
    static func randomDescription(_ generator: inout SeededGenerator) throws -> DeviceDescription {
        let queues = Int.random(in: 1...4, using: &generator)
        let features = Int.random(in: 4...8, using: &generator)
        let room = DeviceDescription.configMaximum(queueCount: queues, featureByteCount: features)
        let small = Bool.random(using: &generator)
        let config = Int.random(in: 0...(small ? min(16, room) : room), using: &generator)
        let types: [DeviceType] = [.net, .block, .console, .entropy, .rpmsg, .ninep, .vsock]
        return try DeviceDescription(
            type: types.randomElement(using: &generator) ?? .net,
            queueSizes: (0..<queues).map { _ in 1 << UInt32.random(in: 0...7, using: &generator) },
            featureByteCount: features,
            offered: FeatureSet(rawValue: UInt64.random(in: 0...0xFFF, using: &generator)),
            config: (0..<config).map { _ in UInt8.random(in: 0...255, using: &generator) })
    }

    /// From the three lengths, as the ABI states it.
    static func totalSize(_ description: DeviceDescription) -> Int {
        let descriptor =
            8 + 24 * description.queueSizes.count + 2 * description.featureByteCount
            + description.config.count
        return (descriptor + 7) / 8 * 8 + 16
    }

    @Test(
        "Q3: 10,000 adds and removes of mixed sizes: each live device is seen, and no space means no run fits",
        arguments: [UInt64(1), 20201120])
    func churn(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let window = MemoryWindow.heap(byteCount: 4096)
        var publisher = PagePublisher(formatting: window)
        var expected = ExpectedPage()
        var refusals = 0
        var target = 0
        for step in 0..<10_000 {
            // The page fills up and empties again, over and over.
            if step % 200 == 0 { target = Int.random(in: 0...100, using: &generator) }
            let adds = Int.random(in: 0..<100, using: &generator) < target || expected.devices.isEmpty
            if adds {
                let description = try Self.randomDescription(&generator)
                let size = Self.totalSize(description)
                let addresses = description.queueSizes.map { _ in
                    UInt64.random(in: 1 ... .max, using: &generator)
                }
                let fits = expected.fits(size)
                do {
                    let slot = try publisher.publish(
                        description, ringAddresses: addresses, guestToHostDoorbell: 3)
                    #expect(fits, "step \(step): a place of \(size) that the rule does not have")
                    expected.devices[slot.offset.rawValue] = ExpectedPage.Device(
                        slot: slot, description: description, ringAddresses: addresses, byteCount: size)
                } catch {
                    refusals += 1
                    #expect(!fits, "step \(step): \(size) bytes fit one of \(expected.freeRuns)")
                }
            } else {
                let offset = expected.devices.keys.sorted().randomElement(using: &generator) ?? 24
                if let device = expected.devices.removeValue(forKey: offset) { publisher.retire(device.slot) }
            }
            try Self.expectAllVisible(expected, window, step: step)
        }
        #expect(refusals > 100, "the page was never full")
    }

    static func expectAllVisible(_ expected: ExpectedPage, _ window: MemoryWindow, step: Int) throws {
        let seen = MICGuestWalk.devices { window.load8(at: $0) }
        try #require(seen.map(\.slotOffset) == expected.devices.keys.sorted(), "step \(step)")
        for device in seen {
            let wanted = try #require(expected.devices[device.slotOffset])
            let matches =
                device.type == Int(wanted.description.type.rawValue)
                && device.rings.map(\.address) == wanted.ringAddresses
                && device.rings.map(\.num) == wanted.description.queueSizes.map(\.rawValue)
                && device.config == wanted.description.config
                && device.control == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 255, 0]
            try #require(matches, "step \(step), slot \(device.slotOffset)")
        }
    }
}
