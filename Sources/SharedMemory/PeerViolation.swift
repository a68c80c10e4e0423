/// A rule the peer broke. One case per rule; it always costs the peer its device (or, where the text says so,
/// the meeting), never us.
public enum PeerViolation: Error, Hashable, Sendable {
    /// An address and a length that add up to more than 64 bits hold.
    case rangeWraps(address: UInt64, byteCount: UInt64)
    /// A range that does not lie whole in one window the peer may use.
    case rangeOutsideWindows(address: UInt64, byteCount: UInt64)
    /// An address that must be aligned (VIRTIO 1.3, 2.7) and is not.
    case misaligned(address: UInt64, alignment: UInt64)

    // Virtqueue
    /// A queue size that is zero, no power of two, or above what the profile allows.
    case queueSize(UInt32, maximum: UInt32)
    /// A descriptor index at or above the queue size (VIRTIO 1.3, 2.7.5, 2.7.13).
    case descriptorIndex(UInt32, queueSize: UInt32)
    /// More descriptors in one chain than the queue has: a loop (VIRTIO 1.3, 2.7.5.1).
    case chainTooLong(head: UInt16)
    /// A descriptor that already belongs to a chain in flight.
    case descriptorInUse(UInt16)
    /// A readable descriptor after a writable one (VIRTIO 1.3, 2.7.4.2).
    case readableAfterWritable(head: UInt16)
    /// An index that moved further than the queue is long.
    case indexJumped(from: UInt16, to: UInt16, queueSize: UInt32)
    /// An indirect descriptor where indirect was not negotiated, with NEXT, nested, or of a bad size.
    case indirect(head: UInt16)
    /// A chain whose readable or writable part is longer than 32 bits count (VIRTIO 1.3, 2.7.5).
    case chainTooLarge(head: UInt16)
    /// A used element whose id names no chain in flight (VIRTIO 1.3, 2.7.8).
    case usedElementID(UInt32)
    /// A used element that claims more bytes than the chain had room for.
    case usedLength(UInt32, capacity: UInt32)

    // Page and link
    /// A page, trailer, header or message without its magic.
    case magic(UInt32, expected: UInt32)
    /// A slot that does not end inside the page, or whose lengths break the profile.
    case slot(offset: Int, reason: String)
    /// A status write that the standard's table does not allow (VIRTIO 1.3, 3.1).
    case status(written: UInt8, current: UInt8)
    /// Accepted feature bits that were never offered.
    case featuresNotOffered(UInt64)
    /// A doorbell number outside the link's range.
    case doorbell(Int)
    /// A meeting message of the wrong size, order or content. Costs the meeting.
    case meeting(String)
    /// A frame of a protocol carried by a device that breaks that protocol.
    case frame(String)
}
