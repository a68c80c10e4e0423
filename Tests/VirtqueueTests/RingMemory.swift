import SharedMemory
import Testing
import Virtio
import Virtqueue

/// Memory for one virtqueue as a link lays it out, and a scripted peer on it that reads and writes raw bytes, right
/// or wrong, from the drawing in the standard and not through our queues.
///
/// ```
///   host window  0x10_0000   descriptor table · available ring        (and, when not apart, the used ring)
///   guest window 0x4000_0000 used ring · buffers from `bufferBase` on
/// ```
final class RingMemory {
    static let hostBase: UInt64 = 0x10_0000
    static let guestBase: UInt64 = 0x4000_0000

    let size: QueueSize
    let layout: SplitLayout
    let host: MemoryWindow
    let guest: MemoryWindow
    let space: AddressSpace
    let features: FeatureSet
    /// Where the used ring lies.
    let used: MemoryWindow
    let usedAddress: UInt64
    let bufferOffset: Int

    // The scripted peer's own counters.
    var availableIndex: UInt16 = 0
    var usedIndex: UInt16 = 0

    init(
        size: Int = 8, features: FeatureSet = [], usedApart: Bool = true, bufferBytes: Int = 1 << 16
    ) throws {
        self.size = try QueueSize(untrusted: UInt32(size))
        self.features = features
        layout = SplitLayout(size: self.size)
        let usedBytes = (layout.usedRingByteCount + 4095) & ~4095
        host = .heap(byteCount: (layout.regionByteCount() + 4095) & ~4095)
        guest = .heap(byteCount: usedBytes + bufferBytes)
        space = try AddressSpace([
            .init(base: Self.hostBase, window: host), .init(base: Self.guestBase, window: guest),
        ])
        bufferOffset = usedBytes
        if usedApart {
            used = guest.part(at: 0, byteCount: layout.usedRingByteCount)
            usedAddress = Self.guestBase
        } else {
            used = host.part(at: layout.usedRingOffset(), byteCount: layout.usedRingByteCount)
            usedAddress = Self.hostBase + UInt64(layout.usedRingOffset())
        }
    }

    /// The address of a buffer, counted from the first byte after the used ring.
    func buffer(_ offset: Int = 0) -> UInt64 { Self.guestBase + UInt64(bufferOffset + offset) }
    var guestEnd: UInt64 { Self.guestBase + UInt64(guest.byteCount) }

    func setup() throws -> QueueSetup {
        try QueueSetup(
            size: size, ringRegion: Self.hostBase, usedRing: usedAddress, negotiated: features)
    }

    func device() throws -> DeviceQueue {
        try setup().activate(
            asDeviceWithRingsIn: space, usedRingIn: space,
            buffersIn: try AddressSpace([.init(base: Self.guestBase, window: guest)]))
    }

    func driver() throws -> DriverQueue {
        try setup().activate(asDriverWithRingsIn: space, usedRingIn: space)
    }

    func range(_ offset: Int, _ byteCount: Int) throws -> PeerRange {
        try PeerRange(untrustedAddress: buffer(offset), byteCount: UInt64(byteCount))
    }

    // MARK: Scripted driver

    static let next: UInt16 = 1
    static let write: UInt16 = 2
    static let indirect: UInt16 = 4

    /// Writes descriptor `index`: u64 address, u32 length, u16 flags, u16 next.
    func describe(_ index: Int, _ address: UInt64, _ count: UInt32, _ flags: UInt16 = 0, next: UInt16 = 0) {
        host.store64(address, at: 16 * index)
        host.store32(count, at: 16 * index + 8)
        host.store16(flags, at: 16 * index + 12)
        host.store16(next, at: 16 * index + 14)
    }

    private var availableOffset: Int { 16 * size.count }

    /// Puts a head into the available ring and shows it.
    func offer(_ head: UInt16) {
        host.store16(head, at: availableOffset + 4 + 2 * Int(availableIndex % size.rawValue))
        availableIndex &+= 1
        setAvailableIndex(availableIndex)
    }

    func setAvailableIndex(_ index: UInt16) { host.storeReleasing16(index, at: availableOffset + 2) }
    func setAvailableFlags(_ flags: UInt16) { host.store16(flags, at: availableOffset) }
    func setUsedEvent(_ event: UInt16) { host.store16(event, at: availableOffset + 4 + 2 * size.count) }

    var shownUsedIndex: UInt16 { used.load16(at: 2) }
    var usedFlags: UInt16 { used.load16(at: 0) }
    var availableEvent: UInt16 { used.load16(at: 4 + 8 * size.count) }

    func usedElement(_ position: Int) -> (id: UInt32, written: UInt32) {
        (used.load32(at: 4 + 8 * position), used.load32(at: 8 + 8 * position))
    }

    // MARK: Scripted device

    var shownAvailableIndex: UInt16 { host.load16(at: availableOffset + 2) }
    var availableFlags: UInt16 { host.load16(at: availableOffset) }
    var usedEvent: UInt16 { host.load16(at: availableOffset + 4 + 2 * size.count) }

    func availableHead(_ position: Int) -> UInt16 { host.load16(at: availableOffset + 4 + 2 * position) }

    func descriptor(_ index: UInt16) -> (address: UInt64, count: UInt32, flags: UInt16, next: UInt16) {
        let offset = 16 * Int(index)
        return (
            host.load64(at: offset), host.load32(at: offset + 8), host.load16(at: offset + 12),
            host.load16(at: offset + 14)
        )
    }

    /// Puts an element into the used ring and shows it.
    func giveBack(_ id: UInt32, written: UInt32) {
        let offset = 4 + 8 * Int(usedIndex % size.rawValue)
        used.store32(id, at: offset)
        used.store32(written, at: offset + 4)
        usedIndex &+= 1
        setUsedIndex(usedIndex)
    }

    func setUsedIndex(_ index: UInt16) { used.storeReleasing16(index, at: 2) }
    func setUsedFlags(_ flags: UInt16) { used.store16(flags, at: 0) }
    func setAvailableEvent(_ event: UInt16) { used.store16(event, at: 4 + 8 * size.count) }

    // MARK: Bytes

    func fill(_ offset: Int, _ bytes: [UInt8]) { guest.write(bytes, at: bufferOffset + offset) }
    func bytes(_ offset: Int, _ count: Int) -> [UInt8] {
        guest.bytes(at: bufferOffset + offset, byteCount: count)
    }
}

/// What a peer broke, or `nil` when nothing was thrown.
func violation(_ body: () throws -> Void) -> PeerViolation? {
    do {
        try body()
        return nil
    } catch {
        return error as? PeerViolation
    }
}

extension DeviceQueue {
    /// The whole readable part.
    func readAll(_ chain: DescriptorChain) -> [UInt8] {
        var reader = reader(of: chain)
        return bytes(from: &reader)
    }

    func read(_ reader: inout ChainReader, into bytes: inout [UInt8]) -> Int {
        var span = bytes.mutableSpan
        return copy(&reader, into: &span)
    }

    mutating func answer(_ chain: DescriptorChain, _ bytes: [UInt8]) {
        var writer = writer(of: chain)
        let count = copy(bytes.span, to: &writer)
        complete(chain, written: UInt32(count))
    }
}
