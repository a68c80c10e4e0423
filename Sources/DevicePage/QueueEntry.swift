public import SharedMemory
public import Virtio

/// Where one queue's memory is and how big (MIC's `mic_vqconfig`), as it was copied.
///
/// ```
///   0         8              16    18         24
///   | address | used_address | num | reserved |
/// ```
@frozen
public struct QueueEntry: Hashable, Sendable {
    // ABI: struct vop_queue_entry
    public static let encodedByteCount = 24
    static let usedAddressOffset = 8
    static let sizeOffset = 16

    /// The ring region in host memory.
    public let address: UInt64
    /// The used ring in guest memory; 0 until the guest has allocated it.
    public let usedAddress: UInt64
    /// `num`, as the host stated it.
    public let statedSize: UInt16

    public init(address: UInt64, usedAddress: UInt64 = 0, statedSize: UInt16) {
        self.address = address
        self.usedAddress = usedAddress
        self.statedSize = statedSize
    }

    /// - Throws: `.queueSize` unless a power of two of at most 128 (the host's fault).
    public func size() throws(PeerViolation) -> QueueSize {
        try QueueSize(untrusted: UInt32(statedSize), maximum: QueueSize.micMaximum)
    }

    /// From `encodedByteCount` bytes of a private copy.
    init(_ bytes: ArraySlice<UInt8>) {
        address = bytes.littleEndian(at: 0)
        usedAddress = bytes.littleEndian(at: Self.usedAddressOffset)
        statedSize = bytes.littleEndian(at: Self.sizeOffset)
    }

    var encoded: [UInt8] {
        address.littleEndianBytes + usedAddress.littleEndianBytes + statedSize.littleEndianBytes
            + [UInt8](repeating: 0, count: 6)
    }
}
