import SharedMemory

/// One descriptor, copied out of a table: address, length, flags and next (VIRTIO 1.3, 2.7.5). A private copy:
/// what the peer does to the table afterwards does not reach it.
@frozen @usableFromInline
struct Descriptor: Hashable, Sendable {
    @usableFromInline let address: UInt64
    @usableFromInline let byteCount: UInt32
    @usableFromInline let flags: UInt16
    @usableFromInline let next: UInt16

    /// VIRTQ_DESC_F_NEXT
    @usableFromInline static let nextFlag: UInt16 = 1
    /// VIRTQ_DESC_F_WRITE
    @usableFromInline static let writeFlag: UInt16 = 2
    /// VIRTQ_DESC_F_INDIRECT
    @usableFromInline static let indirectFlag: UInt16 = 4

    @inlinable
    init(address: UInt64, byteCount: UInt32, flags: UInt16, next: UInt16) {
        self.address = address
        self.byteCount = byteCount
        self.flags = flags
        self.next = next
    }

    /// From the descriptor's two words as they lie in memory, lowest byte first.
    @inlinable
    init(address: UInt64, word: UInt64) {
        self.address = address
        byteCount = UInt32(truncatingIfNeeded: word)
        flags = UInt16(truncatingIfNeeded: word >> 32)
        next = UInt16(truncatingIfNeeded: word >> 48)
    }

    /// The second word: length, flags and next.
    @inlinable var word: UInt64 { UInt64(byteCount) | UInt64(flags) << 32 | UInt64(next) << 48 }

    @inlinable var hasNext: Bool { flags & 1 != 0 }
    @inlinable var isWritable: Bool { flags & 2 != 0 }
    @inlinable var isIndirect: Bool { flags & 4 != 0 }
}
