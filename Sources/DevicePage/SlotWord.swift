internal import CVOP
internal import Virtio

/// A slot's header as the one aligned 64-bit word it is, so that type and lengths are read and written together.
///
/// ```
///   bit 0    8        16            24           32       40         64
///   | type   | num_vq | feature_len | config_len | status | reserved |
/// ```
struct SlotWord: Equatable {
    let rawValue: UInt64

    /// The list ends here.
    static let end = SlotWord(rawValue: 0)

    init(rawValue: UInt64) { self.rawValue = rawValue }

    init(type: Int8, shape: SlotShape) {
        rawValue =
            UInt64(UInt8(bitPattern: type)) | UInt64(shape.queueCount) << 8 | UInt64(shape.featureByteCount)
            << 16
            | UInt64(shape.configByteCount) << 24
    }

    /// A slot to step over.
    static func removed(_ shape: SlotShape) -> SlotWord {
        SlotWord(type: Int8(VOP_PAGE_TYPE_REMOVED), shape: shape)
    }

    var type: Int8 { Int8(truncatingIfNeeded: rawValue) }
    var isEnd: Bool { Int(type) == VOP_PAGE_TYPE_END }
    var isRemoved: Bool { Int(type) == VOP_PAGE_TYPE_REMOVED }
    var status: DeviceStatus { DeviceStatus(rawValue: byte(4)) }

    var shape: SlotShape {
        SlotShape(
            queueCount: Int(byte(1)), featureByteCount: Int(byte(2)), configByteCount: Int(byte(3)))
    }

    /// The same but for what a guest may write in a live slot at any time.
    func sameSlot(as other: SlotWord) -> Bool { (rawValue ^ other.rawValue) & 0xFFFF_FFFF == 0 }

    private func byte(_ index: Int) -> UInt8 { UInt8(truncatingIfNeeded: rawValue >> (8 * index)) }
}
