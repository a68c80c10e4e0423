internal import CVOP
public import SharedMemory
public import Virtio

/// Where things lie in a ring region: one split vring of the MIC profile in host memory, and its trailer.
///
/// ```
///   0             16n              +6+2n   usedOffset        vringByteCount   trailer        regionByteCount
///   | descriptors | available ring | pad   | used ring 6+8n  | C: pad to 4    | idx 2 – magic 4 | pad to 4096 |
/// ```
/// The used ring here is only reserved: the guest allocates its own. Variant B puts the trailer at once behind the
/// vring, variant C rounds it up to 4. C is written and both are accepted.
@frozen
public struct RingRegionLayout: Hashable, Sendable {
    public let size: QueueSize

    public init(size: QueueSize) { self.size = size }

    /// Which way the trailer was placed.
    @frozen
    public enum Variant: String, Sendable, Hashable, CaseIterable {
        case b, c
    }

    /// MIC_VIRTIO_RING_ALIGN
    public static let alignment = Int(VOP_RING_ALIGNMENT)
    public static let trailerByteCount = Int(VOP_RING_TRAILER_BYTE_COUNT)

    public var availableOffset: Int { 16 * size.count }
    public var availableByteCount: Int { 6 + 2 * size.count }
    public var usedOffset: Int { Self.roundUp(availableOffset + availableByteCount, to: Self.alignment) }
    /// Also what the guest's own used ring needs.
    public var usedByteCount: Int { 6 + 8 * size.count }
    /// What a guest allocates for its used ring.
    public var usedRegionByteCount: Int { Self.roundUp(usedByteCount, to: Self.alignment) }
    /// `vring_size(n, 4096)`
    public var vringByteCount: Int { usedOffset + usedByteCount }

    public func trailerOffset(_ variant: Variant) -> Int {
        switch variant {
        case .b: vringByteCount
        case .c: Self.roundUp(vringByteCount, to: 4)
        }
    }

    /// What the host allocates, zeroed; the same in both variants.
    public var regionByteCount: Int {
        Self.roundUp(trailerOffset(.c) + Self.trailerByteCount, to: Self.alignment)
    }

    /// What a trailer's magic must be: MIC_MAGIC + device ID + ring index.
    public static func magic(of type: DeviceType, queue: Int) -> UInt32 {
        VOP_RING_MAGIC_BASE &+ UInt32(type.rawValue) &+ UInt32(queue)
    }

    private static let magicOffset = 4

    /// Host: writes the trailer of variant C into a zeroed region.
    public func writeTrailer(of type: DeviceType, queue: Int, in region: MemoryWindow) {
        region.store16(0, at: trailerOffset(.c))
        region.store32(Self.magic(of: type, queue: queue), at: trailerOffset(.c) + Self.magicOffset)
    }

    /// Host: how far it has taken available entries (`avail_idx`), for backends that map the region.
    public func publishAvailableIndex(_ index: UInt16, in region: MemoryWindow) {
        region.store16(index, at: trailerOffset(.c))
    }

    /// Guest: which variant the host wrote. Zero only the part before `vringByteCount`, or this is gone.
    ///
    /// - Throws: `.magic` with what stands where variant C has it, when neither place holds the right one (the host's
    ///   fault: not a ring of this device, or another variant).
    public func variant(of type: DeviceType, queue: Int, in region: MemoryWindow) throws(PeerViolation)
        -> Variant
    {
        let expected = Self.magic(of: type, queue: queue)
        let found = region.load32(at: trailerOffset(.c) + Self.magicOffset)
        if found == expected { return .c }
        if misalignedMagic(in: region) == expected { return .b }
        throw .magic(found, expected: expected)
    }

    /// Variant B's magic lies at an odd multiple of 2: two aligned halves.
    private func misalignedMagic(in region: MemoryWindow) -> UInt32 {
        let offset = trailerOffset(.b) + Self.magicOffset
        return UInt32(region.load16(at: offset)) | UInt32(region.load16(at: offset + 2)) << 16
    }

    private static func roundUp(_ value: Int, to alignment: Int) -> Int {
        (value + alignment - 1) / alignment * alignment
    }
}
