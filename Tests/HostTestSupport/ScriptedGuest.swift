import Links
import SharedMemory
import Virtio

/// The guest's side of a device page by raw bytes and literal offsets, as the format's description gives them; none of
/// our own page or ring code.
final class ScriptedGuest {
    let link: any Link
    /// Doorbells of ours that rang since they were last taken.
    private(set) var rung: [Int] = []

    init(_ link: any Link) { self.link = link }

    @discardableResult
    func service() throws -> LinkEvents {
        let events = try link.service()
        for number in 0..<16 {
            if let doorbell = DoorbellNumber(rawValue: number), events.doorbells.contains(doorbell) {
                rung.append(number)
            }
        }
        return events
    }

    func takeRung() -> [Int] {
        defer { rung = [] }
        return rung
    }

    /// What it has mapped stays so while its peer is away.
    private var space = AddressSpace()
    private var pageAddress: UInt64 = 0

    func memory(_ address: UInt64, _ byteCount: Int) throws -> MemoryWindow {
        if link.state == .up { (space, pageAddress) = (link.addressSpace, link.devicePageAddress) }
        return try space.window(
            covering: PeerRange(untrustedAddress: address, byteCount: UInt64(byteCount)))
    }

    var page: MemoryWindow {
        get throws { try memory(link.state == .up ? link.devicePageAddress : pageAddress, 4096) }
    }

    func byte(_ offset: Int) throws -> Int8 { Int8(bitPattern: try page.load8(at: offset)) }
    func set(_ offset: Int, _ value: Int8) throws { try page.store8(UInt8(bitPattern: value), at: offset) }

    func setConfigDoorbell(_ number: Int8) throws { try set(4, number) }

    /// The walk: from 24, 0 ends, −1 is stepped over.
    func slots() throws -> [ScriptedSlot] {
        var slots: [ScriptedSlot] = []
        var offset = 24
        while offset < 4096 {
            let type = try byte(offset)
            if type == 0 { break }
            let slot = ScriptedSlot(
                guest: self, offset: offset, type: Int(type), queueCount: Int(try byte(offset + 1)),
                featureByteCount: Int(try byte(offset + 2)),
                configByteCount: Int(UInt8(bitPattern: try byte(offset + 3))))
            if type != -1 { slots.append(slot) }
            offset += slot.byteCount
        }
        return slots
    }

    func slot(_ index: Int = 0) throws -> ScriptedSlot {
        let all = try slots()
        guard index < all.count else { throw ScriptError.noSlot(index, of: all.count) }
        return all[index]
    }

    func ring(_ number: Int8) {
        if let doorbell = DoorbellNumber(rawValue: Int(number)) { link.ring(doorbell) }
    }
}

enum ScriptError: Error {
    case noSlot(Int, of: Int)
}

/// One live slot.
struct ScriptedSlot {
    let guest: ScriptedGuest
    let offset: Int
    let type: Int
    let queueCount: Int
    let featureByteCount: Int
    let configByteCount: Int

    var offeredOffset: Int { offset + 8 + 24 * queueCount }
    var acceptedOffset: Int { offeredOffset + featureByteCount }
    var configOffset: Int { acceptedOffset + featureByteCount }
    var control: Int { offset + (8 + 24 * queueCount + 2 * featureByteCount + configByteCount + 7) / 8 * 8 }
    var byteCount: Int { control - offset + 16 }

    func byte(_ field: Field) throws -> Int8 { try guest.byte(control + field.rawValue) }
    func set(_ field: Field, _ value: Int8) throws { try guest.set(control + field.rawValue, value) }

    enum Field: Int {
        case configChange = 8
        case vdevReset, guestAck, hostAck, usedAddressUpdated, c2h, h2c
    }

    var liveType: Int8 { get throws { try guest.byte(offset) } }
    var status: UInt8 { get throws { UInt8(bitPattern: try guest.byte(offset + 4)) } }
    func setStatus(_ value: UInt8) throws { try guest.set(offset + 4, Int8(bitPattern: value)) }

    var offered: UInt64 { get throws { try bitmap(at: offeredOffset) } }
    func accept(_ bits: UInt64) throws {
        for index in 0..<featureByteCount {
            try guest.set(acceptedOffset + index, Int8(truncatingIfNeeded: bits >> (8 * index)))
        }
    }
    var config: [UInt8] { get throws { try guest.page.bytes(at: configOffset, byteCount: configByteCount) } }

    private func bitmap(at offset: Int) throws -> UInt64 {
        try guest.page.bytes(at: offset, byteCount: featureByteCount).enumerated()
            .reduce(0) { $0 | UInt64($1.element) << (8 * $1.offset) }
    }

    func ringAddress(_ queue: Int) throws -> UInt64 { try guest.page.load64(at: offset + 8 + 24 * queue) }
    func entries(_ queue: Int) throws -> Int { Int(try guest.page.load16(at: offset + 8 + 24 * queue + 16)) }
    func setUsedAddress(_ queue: Int, _ address: UInt64) throws {
        try guest.page.store64(address, at: offset + 8 + 24 * queue + 8)
    }

    /// Kicks the device.
    func kick() throws { guest.ring(try byte(.c2h)) }

    // MARK: Whole steps

    /// 2.6: asks; the host's answer is looked for by the test.
    func askReset() throws {
        try set(.hostAck, 0)
        try set(.vdevReset, 1)
        try kick()
    }

    /// 2.3: takes note of the device.
    func discover(doorbell: Int8 = 3) throws { try set(.h2c, doorbell) }

    /// 2.4: zeroes the rings, allocates used rings, tells where they are.
    func setUpQueues() throws -> [ScriptedQueue] {
        var queues: [ScriptedQueue] = []
        for index in 0..<queueCount {
            let queue = try ScriptedQueue(
                guest: guest, ring: ringAddress(index), entries: entries(index))
            try setUsedAddress(index, queue.used)
            queues.append(queue)
        }
        try set(.usedAddressUpdated, 1)
        try kick()
        return queues
    }

    /// 2.8 as the original does it: acknowledge, then mark.
    func letGo() throws {
        try set(.h2c, -1)
        try set(.guestAck, 1)
        try guest.set(offset, -1)
    }
}

/// A driver's ring by raw bytes: table and available ring in the host's region, used ring in the guest's memory.
struct ScriptedQueue {
    let guest: ScriptedGuest
    let ring: UInt64
    let entries: Int
    let used: UInt64
    let buffers: UInt64
    static let bufferByteCount = 64

    init(guest: ScriptedGuest, ring: UInt64, entries: Int) throws {
        self.guest = guest
        self.ring = ring
        self.entries = entries
        used = try guest.link.allocate(byteCount: 4096, alignment: 4096).address
        buffers = try guest.link.allocate(byteCount: 4096, alignment: 4096).address
        // The ring part alone: the trailer behind it stays.
        try guest.memory(ring, 4096 + 6 + 8 * entries).zero(at: 0, byteCount: 4096 + 6 + 8 * entries)
    }

    init(guest: ScriptedGuest, ring: UInt64, entries: Int, used: UInt64, buffers: UInt64) {
        self.guest = guest
        self.ring = ring
        self.entries = entries
        self.used = used
        self.buffers = buffers
    }

    func seen(by guest: ScriptedGuest) -> ScriptedQueue {
        ScriptedQueue(guest: guest, ring: ring, entries: entries, used: used, buffers: buffers)
    }

    private var table: MemoryWindow { get throws { try guest.memory(ring, 16 * entries) } }
    private var available: MemoryWindow {
        get throws { try guest.memory(ring + UInt64(16 * entries), 6 + 2 * entries) }
    }

    var usedIndex: UInt16 { get throws { try guest.memory(used, 4).load16(at: 2) } }
    func usedElement(_ position: Int) throws -> (id: UInt32, length: UInt32) {
        let ring = try guest.memory(used, 4 + 8 * entries)
        return (ring.load32(at: 4 + 8 * position), ring.load32(at: 8 + 8 * position))
    }

    func descriptor(_ index: Int, _ address: UInt64, _ length: UInt32, flags: UInt16, next: UInt16 = 0) throws
    {
        let table = try table
        table.store64(address, at: 16 * index)
        table.store32(length, at: 16 * index + 8)
        table.store16(flags, at: 16 * index + 12)
        table.store16(next, at: 16 * index + 14)
    }

    func makeAvailable(head: UInt16) throws {
        let ring = try available
        let index = ring.load16(at: 2)
        ring.store16(head, at: 4 + 2 * (Int(index) % entries))
        ring.storeReleasing16(index &+ 1, at: 2)
    }

    /// One request: `text` to read, then room for as much.
    func offer(_ text: String, head: UInt16 = 0) throws {
        let bytes = Array(text.utf8)
        let place = buffers + UInt64(head) * UInt64(2 * Self.bufferByteCount)
        try guest.memory(place, bytes.count).write(bytes, at: 0)
        try descriptor(Int(head), place, UInt32(bytes.count), flags: 1, next: head + 1)
        try descriptor(
            Int(head) + 1, place + UInt64(Self.bufferByteCount), UInt32(Self.bufferByteCount), flags: 2)
        try makeAvailable(head: head)
    }

    /// What was written into the room of `offer`.
    func answer(_ length: Int, head: UInt16 = 0) throws -> String {
        let place = buffers + UInt64(head) * UInt64(2 * Self.bufferByteCount) + UInt64(Self.bufferByteCount)
        return String(
            decoding: try guest.memory(place, length).bytes(at: 0, byteCount: length), as: UTF8.self)
    }

    func setSuppressed(_ isSuppressed: Bool) throws { try available.store16(isSuppressed ? 1 : 0, at: 0) }
}
