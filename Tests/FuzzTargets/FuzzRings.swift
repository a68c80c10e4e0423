import SharedMemory
import Virtio
import Virtqueue

/// Memory for one small virtqueue. The peer writes where it likes, and often where it matters.
///
///     host window 0x10000   descriptor table · available ring
///     guest window 0x40000  used ring · buffers from 2048 on
struct FuzzRings {
    static let hostBase: UInt64 = 0x10000
    static let guestBase: UInt64 = 0x40000
    static let bufferOffset = 2048

    let layout: SplitLayout
    let host = MemoryWindow.heap(byteCount: 8192)
    let guest = MemoryWindow.heap(byteCount: 8192)
    let space: AddressSpace
    let features: FeatureSet

    /// - Returns: nil only when the windows above do not fit each other, which they do.
    init?(_ input: inout FuzzInput) {
        let shape = input.byte()
        guard let size = try? QueueSize(untrusted: UInt32(1) << UInt32(shape & 7)) else { return nil }
        layout = SplitLayout(size: size)
        var features = FeatureSet()
        if shape & 8 != 0 { features.insert(.eventIndex) }
        if shape & 16 != 0 { features.insert(.indirectDescriptors) }
        self.features = features
        let placements = [
            AddressSpace.Placement(base: Self.hostBase, window: host),
            .init(base: Self.guestBase, window: guest),
        ]
        guard let space = try? AddressSpace(placements) else { return nil }
        self.space = space
    }

    func setup() -> QueueSetup? {
        try? QueueSetup(
            size: layout.size, ringRegion: Self.hostBase, usedRing: Self.guestBase, negotiated: features)
    }

    /// The peer stores a number somewhere.
    func scribble(_ input: inout FuzzInput) {
        let place = input.number16()
        let window = place & 0x8000 == 0 ? host : guest
        let offset = Int(place & 0x1FFF)
        switch place >> 13 & 3 {
        case 0: window.store8(input.byte(), at: offset)
        case 1: window.store16(input.number16(), at: offset & ~1)
        case 2: window.store32(input.number32(), at: offset & ~3)
        default: window.store64(input.number64(), at: offset & ~7)
        }
    }

    /// A descriptor whose address is often a buffer's.
    func describe(_ input: inout FuzzInput) {
        let index = Int(input.byte()) % layout.size.count
        let kind = input.byte()
        let near = Self.guestBase + UInt64(Self.bufferOffset) + UInt64(input.number16() & 0x1FFF)
        host.store64(kind & 0x80 == 0 ? near : input.number64(), at: 16 * index)
        host.store32(kind & 0x40 == 0 ? UInt32(input.byte()) * 16 : input.number32(), at: 16 * index + 8)
        host.store16(UInt16(kind & 7), at: 16 * index + 12)
        host.store16(
            kind & 0x20 == 0 ? UInt16(input.byte()) % layout.size.rawValue : input.number16(),
            at: 16 * index + 14)
    }

    var availableIndexOffset: Int { layout.availableRingOffset + 2 }

    /// The driver shows one more head.
    func offer(_ input: inout FuzzInput) {
        let index = host.load16(at: availableIndexOffset)
        let head = input.byte()
        let slot = Int(index % layout.size.rawValue)
        host.store16(
            head & 0x80 == 0 ? UInt16(head) % layout.size.rawValue : UInt16(head) << 8,
            at: layout.availableRingOffset + 4 + 2 * slot)
        host.storeReleasing16(index &+ 1, at: availableIndexOffset)
    }

    /// The device shows one more used element.
    func giveBack(_ input: inout FuzzInput) {
        let index = guest.load16(at: 2)
        let offset = 4 + 8 * Int(index % layout.size.rawValue)
        let id = input.byte()
        guest.store32(id & 0x80 == 0 ? UInt32(id) % UInt32(layout.size.count) : input.number32(), at: offset)
        guest.store32(UInt32(input.number16()), at: offset + 4)
        guest.storeReleasing16(index &+ 1, at: 2)
    }
}
