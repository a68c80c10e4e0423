import DevicePage
import SharedMemory
import Testing
import Virtio

/// A page whose devices are given by their total sizes alone.
final class SizedPage {
    let window = MemoryWindow.heap(byteCount: 4096)
    var publisher: PagePublisher

    init() { publisher = PagePublisher(formatting: window) }

    /// Publishes a device whose slot has `byteCount` bytes (56…272).
    func add(_ byteCount: Int) throws(PageError) -> DeviceSlot {
        guard
            let description = try? DeviceDescription(
                type: .entropy, queueSizes: [8], featureByteCount: 4, offered: [],
                config: [UInt8](repeating: 0xCC, count: byteCount - 56))
        else { preconditionFailure("no slot has \(byteCount) bytes") }
        return try publisher.publish(description, ringAddresses: [0x1000], guestToHostDoorbell: -1)
    }

    /// Positive: a device; negative: a removed slot.
    var layout: [Int] {
        PageSnapshot(copyingFrom: window).slots.map { slot in
            switch slot {
            case .device(let entry): entry.shape.byteCount
            case .removed(_, let byteCount): -byteCount
            }
        }
    }
}

@Suite("Publishing and retiring")
struct PublisherTests {
    @Test("a formatted page has the magic, no doorbells, and no slots")
    func formatted() {
        let window = MemoryWindow.heap(byteCount: 4096)
        window.write([UInt8](repeating: 0xEE, count: 4096), at: 0)
        let publisher = PagePublisher(formatting: window, nodeID: 2)
        #expect(
            publisher.page.bytes()
                == [0x00, 0xEE, 0xFF, 0xC0, 0xFF, 2, 0xFF, 0xFF] + [UInt8](repeating: 0, count: 4088))
        #expect(publisher.page.configDoorbell == -1 && publisher.freeByteCount == 4072)
    }

    @Test("a published device starts with a clear control block, status and accepted features")
    func cleared() throws {
        let page = SizedPage()
        page.window.write([UInt8](repeating: 0xEE, count: 272), at: 24)
        let slot = try page.add(64)
        let entry = try #require(PageSnapshot(copyingFrom: page.window).devices.first)
        #expect(entry.status == [] && entry.accepted == [])
        #expect(page.window.load64(at: 24 + slot.shape.controlOffset) == 0, "vdev")
        #expect(entry.control.guestToHostDoorbell == -1 && entry.control.hostToGuestDoorbell == -1)
        #expect(entry.queues == [QueueEntry(address: 0x1000, statedSize: 8)])
        #expect(page.layout == [64])
    }

    @Test("Q3: a hole is filled by a slot of its very length, its neighbours untouched")
    func exactFit() throws {
        let page = SizedPage()
        let slots = [try page.add(104), try page.add(88), try page.add(104)]
        page.publisher.retire(slots[1])
        #expect(page.layout == [104, -88, 104])
        let again = try page.add(88)
        #expect(again.offset == slots[1].offset && page.layout == [104, 88, 104])
    }

    @Test("Q3: a smaller slot splits a hole and leaves a removed slot behind it", arguments: [56, 64, 80])
    func split(byteCount: Int) throws {
        let page = SizedPage()
        let first = try page.add(104)
        _ = try page.add(56)
        page.publisher.retire(first)
        _ = try page.add(byteCount)
        #expect(page.layout == [byteCount, byteCount - 104, 56])
    }

    @Test("Q3: where fewer than 24 bytes would remain the hole is left alone", arguments: [88, 96])
    func noFiller(byteCount: Int) throws {
        let page = SizedPage()
        let first = try page.add(104)
        _ = try page.add(56)
        page.publisher.retire(first)
        _ = try page.add(byteCount)
        #expect(page.layout == [-104, 56, byteCount])
    }

    @Test("adjacent holes become one, from either side, as long as a slot can be that long")
    func merged() throws {
        let page = SizedPage()
        let slots = try (0..<5).map { _ in try page.add(80) }
        page.publisher.retire(slots[0])
        page.publisher.retire(slots[2])
        #expect(page.layout == [-80, 80, -80, 80, 80])
        page.publisher.retire(slots[1])
        #expect(page.layout == [-240, 80, 80])
        page.publisher.retire(slots[3])
        #expect(page.layout == [-240, -80, 80])
    }

    @Test("a run of holes that no single slot can cover is used across its inner borders")
    func acrossHoles() throws {
        let page = SizedPage()
        let slots = [try page.add(200), try page.add(200), try page.add(56)]
        while (try? page.add(272)) != nil {}
        while (try? page.add(56)) != nil {}
        page.publisher.retire(slots[0])
        page.publisher.retire(slots[1])
        #expect(Array(page.layout.prefix(3)) == [-200, -200, 56])
        _ = try page.add(272)
        #expect(Array(page.layout.prefix(3)) == [272, -128, 56])
        _ = try page.add(104)
        #expect(Array(page.layout.prefix(4)) == [272, 104, -24, 56])
    }

    @Test("holes at the end of the list become free space again")
    func tail() throws {
        let page = SizedPage()
        let slots = try (0..<4).map { _ in try page.add(272) }
        page.publisher.retire(slots[1])
        page.publisher.retire(slots[2])
        page.publisher.retire(slots[3])
        #expect(page.layout == [272])
        #expect(page.publisher.freeByteCount == 4072 - 272)
        #expect(page.window.bytes(at: 296, byteCount: 3800).allSatisfy { $0 == 0 })
    }

    @Test("a full page says how much is needed, how much is free, and the longest place")
    func noSpace() throws {
        let page = SizedPage()
        let slots = try (0..<14).map { _ in try page.add(272) }
        _ = try page.add(264)
        #expect(PageSnapshot(copyingFrom: page.window).ending == .full)
        page.publisher.retire(slots[3])
        page.publisher.retire(slots[7])
        let before = page.publisher.page.bytes()
        #expect(throws: PageError.noSpace(byteCount: 264, free: 544, largest: 272)) { try page.add(264) }
        #expect(page.publisher.page.bytes() == before, "a refusal changes nothing")
    }

    @Test("a quarantined place is given to nobody until it is retired")
    func quarantine() throws {
        let page = SizedPage()
        let slots = try (0..<3).map { _ in try page.add(104) }
        page.publisher.quarantine(slots[1])
        #expect(page.layout == [104, -104, 104])
        #expect(try page.add(104).offset > slots[2].offset)
        page.publisher.retire(slots[0])
        #expect(page.layout == [-104, -104, 104, 104], "a quarantined place is not merged")
        page.publisher.retire(slots[1])
        #expect(page.layout == [-208, 104, 104])
    }

    @Test("Q1: what a guest scribbles over lengths does not move where the host writes")
    func scribbledLengths() throws {
        let page = SizedPage()
        let slots = try (0..<3).map { _ in try page.add(104) }
        page.window.write([0xFF, 0xFF, 0xFF, 0xFF], at: slots[1].offset.rawValue)
        page.publisher.retire(slots[1])
        #expect(page.layout == [104, -104, 104])
        page.window.write([1, 4, 0xFF, 0xFF], at: slots[0].offset.rawValue)
        _ = try page.add(104)
        page.publisher.retire(slots[0])
        #expect(page.layout == [-104, 104, 104])
    }

    @Test("config space is read and written where the record says, and nowhere past it")
    func config() throws {
        let page = SizedPage()
        let slot = try page.add(72)
        #expect(slot.config() == [UInt8](repeating: 0xCC, count: 16))
        slot.writeConfig([1, 2, 3], at: 13)
        #expect(slot.config().suffix(4) == [0xCC, 1, 2, 3])
        #expect(slot.control.guestToHostDoorbell == -1 && slot.status == [])
    }

    @Test("all 64 feature bits cross the page, both ways")
    func features() throws {
        var publisher = PagePublisher(formatting: MemoryWindow.heap(byteCount: 4096))
        let all = FeatureSet(rawValue: .max).subtracting(DeviceDescription.neverOffered)
        let slot = try publisher.publish(
            DeviceDescription(type: .net, queueSizes: [8], offered: all), ringAddresses: [0x1000],
            guestToHostDoorbell: 0)
        #expect(slot.offeredFeatures == all && slot.acceptedFeatures == [])
        slot.accept(all)
        #expect(slot.acceptedFeatures == all && slot.offeredFeatures == all)
    }
}
