/// Up to 64 feature bits (VIRTIO 1.3, 2.2). Bit n of a page bitmap is byte n/8, bit n mod 8.
@frozen
public struct FeatureSet: OptionSet, Hashable, Sendable, CustomStringConvertible {
    public let rawValue: UInt64
    @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// VIRTIO_F_INDIRECT_DESC (28)
    public static let indirectDescriptors = FeatureSet(rawValue: 1 << 28)
    /// VIRTIO_F_EVENT_IDX (29)
    public static let eventIndex = FeatureSet(rawValue: 1 << 29)
    /// VIRTIO_F_VERSION_1 (32)
    public static let version1 = FeatureSet(rawValue: 1 << 32)
    /// VIRTIO_F_ACCESS_PLATFORM (33)
    public static let accessPlatform = FeatureSet(rawValue: 1 << 33)
    /// VIRTIO_F_RING_PACKED (34)
    public static let packedRing = FeatureSet(rawValue: 1 << 34)
    /// VIRTIO_F_IN_ORDER (35)
    public static let inOrder = FeatureSet(rawValue: 1 << 35)
    /// VIRTIO_F_RING_RESET (40)
    public static let ringReset = FeatureSet(rawValue: 1 << 40)
    /// VIRTIO_9P_MOUNT_TAG (0), of a 9p device
    public static let ninepMountTag = FeatureSet(rawValue: 1 << 0)

    /// From a page bitmap of any length; bits past the sixty-fourth are not looked at.
    public init(bitmap: [UInt8]) {
        var bits: UInt64 = 0
        for (index, byte) in bitmap.prefix(8).enumerated() { bits |= UInt64(byte) << (8 * index) }
        self.init(rawValue: bits)
    }

    /// As a page bitmap of `byteCount` bytes, zero-extended; bits that do not fit are left out, which `fits` tells.
    public func bitmap(byteCount: Int) -> [UInt8] {
        (0..<byteCount).map { $0 < 8 ? UInt8(truncatingIfNeeded: rawValue >> (8 * $0)) : 0 }
    }

    public func fits(byteCount: Int) -> Bool {
        byteCount >= 8 || rawValue >> (8 * max(0, byteCount)) == 0
    }

    /// 16 hexadecimal digits: `0x0000000100000001`.
    public var description: String {
        let digits = String(rawValue, radix: 16)
        return "0x" + String(repeating: "0", count: 16 - digits.count) + digits
    }
}
