public import SharedMemory

/// The number of entries of a split virtqueue: a power of two, 1…32768 (VIRTIO 1.3, 2.7).
@frozen
public struct QueueSize: Hashable, Sendable, CustomStringConvertible {
    public let rawValue: UInt16

    /// MIC_MAX_VRING_ENTRIES: the MIC profile's bound.
    public static let micMaximum: UInt32 = 128
    /// The standard's bound for a split ring.
    public static let splitMaximum: UInt32 = 32768

    /// - Throws: `.queueSize` when zero, no power of two, or above `maximum`: the fault of whoever stated it.
    public init(untrusted value: UInt32, maximum: UInt32 = QueueSize.splitMaximum) throws(PeerViolation) {
        guard value != 0, value & (value &- 1) == 0, value <= min(maximum, Self.splitMaximum) else {
            throw .queueSize(value, maximum: maximum)
        }
        rawValue = UInt16(value)
    }

    @inlinable public var count: Int { Int(rawValue) }
    /// Turns a free-running index into a position.
    @inlinable public var mask: UInt16 { rawValue &- 1 }
    public var description: String { String(rawValue) }
}
