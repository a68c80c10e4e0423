import CVOP
import DevicePage
import LinuxSystem
import SharedMemory
import TestSupport
import Testing
import Virtio

@Suite("Golden pages")
struct GoldenPageTests {
    @Test("the worked net example reads as it is described")
    func netExample() throws {
        let page = DevicePage(try Golden.window("net-example.bin"))
        let snapshot = page.snapshot()
        try snapshot.bootParameters.requireMagic()
        #expect(snapshot.bootParameters.configDoorbell == 3)
        #expect(snapshot.bootParameters.nodeID == 1)
        #expect(snapshot.ending == .end(try #require(PageOffset(rawValue: 128))))
        let net = try #require(snapshot.devices.first)
        #expect(net.offset == .firstSlot && net.type == .net)
        #expect(net.status == [.acknowledge, .driver, .driverOK, .featuresOK])
        #expect(net.shape.byteCount == 104 && net.shape.controlOffset == 112 - 24)
        #expect(net.queues[0] == QueueEntry(address: 0x10000, usedAddress: 0x4000_0000, statedSize: 128))
        #expect(net.queues[1].usedAddress == 0x4000_1000)
        #expect(net.offered == FeatureSet(rawValue: 1 << 32 | 0x3C1))
        #expect(net.negotiated == FeatureSet(rawValue: 1 << 32 | 0x41))
        #expect(net.config == [0x52, 0x54, 0, 0x12, 0x34, 0x56, 1, 0, 1, 0, 0xDC, 5])
        #expect(net.control.guestToHostDoorbell == 5 && net.control.hostToGuestDoorbell == 7)
    }

    @Test("publishing the worked net example writes the golden page, byte for byte")
    func publishesNetExample() throws {
        let window = MemoryWindow.heap(byteCount: 4096)
        var publisher = PagePublisher(formatting: window, nodeID: 1)
        let slot = try publisher.publish(
            DeviceDescription(
                type: .net, queueSizes: [128, 128], offered: FeatureSet(rawValue: 1 << 32 | 0x3C1),
                config: [0x52, 0x54, 0, 0x12, 0x34, 0x56, 1, 0, 1, 0, 0xDC, 5]),
            ringAddresses: [0x10000, 0x12000], guestToHostDoorbell: 5)
        // The guest's half of the picture.
        publisher.page.setConfigDoorbell(3)
        slot.setUsedAddress(0x4000_0000, of: 0)
        slot.setUsedAddress(0x4000_1000, of: 1)
        slot.control.setHostToGuestDoorbell(7)
        slot.accept(FeatureSet(rawValue: 1 << 32 | 0x41))
        slot.setStatus([.acknowledge, .driver, .featuresOK, .driverOK])
        #expect(window.bytes(at: 0, byteCount: 4096) == (try GoldenFile.bytes("net-example.bin")))
    }

    @Test("each device of the table has the stated sizes, and as many fit by the original's rule")
    func deviceTable() throws {
        let rows = try Golden.rows("slots.tsv")
        let devices = PageSnapshot(copyingFrom: try Golden.window("all-devices.bin")).devices
        #expect(devices.count == rows.count && rows.count == 9)
        for (row, entry) in zip(rows, devices) {
            let numbers = row.dropFirst().compactMap { Int($0) }
            try #require(numbers.count == 8)
            #expect(Int(entry.type.rawValue) == numbers[0], "\(row[0])")
            #expect(entry.shape.queueCount == numbers[1], "\(row[0])")
            #expect(entry.shape.featureByteCount == numbers[2], "\(row[0])")
            #expect(entry.shape.configByteCount == numbers[3], "\(row[0])")
            #expect(entry.shape.descriptorByteCount == numbers[4], "\(row[0])")
            #expect(entry.shape.controlOffset == numbers[5], "\(row[0])")
            #expect(entry.shape.byteCount == numbers[6], "\(row[0])")
            let fit = (0...).first { 24 + $0 * numbers[6] >= 4096 - numbers[6] }
            #expect(fit == numbers[7], "\(row[0])")
        }
    }

    @Test("what the original's rule lets in fits here too", arguments: 0..<9)
    func atLeastAsManyFit(row: Int) throws {
        let entry = PageSnapshot(copyingFrom: try Golden.window("all-devices.bin")).devices[row]
        let original = try #require(Int(try Golden.rows("slots.tsv")[row][8]))
        let description = try DeviceDescription(
            type: entry.type, queueSizes: entry.queues.map { UInt32($0.statedSize) },
            featureByteCount: entry.shape.featureByteCount, offered: entry.offered, config: entry.config)
        var publisher = PagePublisher(formatting: MemoryWindow.heap(byteCount: 4096))
        var count = 0
        while (try? publisher.publish(
            description, ringAddresses: entry.queues.map(\.address), guestToHostDoorbell: 5)) != nil
        {
            count += 1
        }
        #expect(count == 4072 / entry.shape.byteCount && count >= original)
    }

    @Test("removed slots are stepped over by their own lengths")
    func removedSlots() throws {
        let snapshot = PageSnapshot(copyingFrom: try Golden.window("removed.bin"))
        let layout = snapshot.slots.map { slot in
            switch slot {
            case .device(let entry): [entry.offset.rawValue, entry.shape.byteCount, Int(entry.type.rawValue)]
            case .removed(let offset, let byteCount): [offset.rawValue, byteCount, -1]
            }
        }
        #expect(layout == [[24, 56, 4], [80, 104, -1], [184, 24, -1], [208, 96, 2], [304, 56, -1]])
        #expect(snapshot.ending == .end(try #require(PageOffset(rawValue: 360))))
    }

    @Test("a slot may end exactly where the page does")
    func fullPage() throws {
        let snapshot = PageSnapshot(copyingFrom: try Golden.window("full.bin"))
        #expect(snapshot.devices.count == 17 && snapshot.ending == .full)
    }

    @Test(
        "a broken slot ends the walk with its name; the slots before it stand",
        arguments: [
            ("broken-rings.bin", 1, 80, "5 queues, at most 4"),
            ("broken-length.bin", 1, 80, "a descriptor of 264 bytes, at most 256"),
            ("broken-end.bin", 14, 3832, "ends at 4104, past the page's 4096"),
            ("broken-removed.bin", 0, 24, "ends at 6936, past the page's 4096"),
            ("broken-type.bin", 1, 80, "type -5, allowed are 1…127, 0 and −1"),
        ])
    func brokenPages(name: String, devices: Int, offset: Int, reason: String) throws {
        let snapshot = PageSnapshot(copyingFrom: try Golden.window(name))
        #expect(snapshot.devices.count == devices)
        #expect(snapshot.violation == .slot(offset: offset, reason: reason))
    }

    @Test("another magic is no device page")
    func noMagic() throws {
        let boot = DevicePage(try Golden.window("no-magic.bin")).bootParameters()
        #expect(throws: PeerViolation.magic(0xC0FF_EE01, expected: 0xC0FF_EE00)) { try boot.requireMagic() }
    }

    @Test(
        "our interpreter of the MIC walk and our own agree on every golden page without a broken slot",
        arguments: ["net-example.bin", "all-devices.bin", "removed.bin", "full.bin"])
    func interpreterAgrees(name: String) throws {
        let window = try Golden.window(name)
        let seen = MICGuestWalk.devices { window.load8(at: $0) }
        let ours = PageSnapshot(copyingFrom: window).devices
        #expect(seen.map(\.slotOffset) == ours.map(\.offset.rawValue))
        #expect(seen.map(\.config) == ours.map(\.config))
        #expect(
            seen.map(\.hostFeatures) == ours.map { $0.offered.bitmap(byteCount: $0.shape.featureByteCount) })
        #expect(seen.map { $0.rings.map(\.address) } == ours.map { $0.queues.map(\.address) })
    }

    @Test("the headers agree with the golden files in C and in C++, with every compiler found")
    func otherLanguages() async throws {
        // To our own standard error, where a failure explains itself.
        let check = try SpawnedProcess("/bin/sh", ["\(GoldenFile.repository)/abi/tests/check"], output: 2)
        var ending = check.ending()
        let deadline = ContinuousClock.now + .seconds(120)
        while ending == nil, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(20))
            ending = check.ending()
        }
        #expect(ending == .exited(0), "its own output says why")
    }
}
