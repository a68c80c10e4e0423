public import Virtio

/// Where the parts of a split virtqueue lie (VIRTIO 1.3, 2.7). The used ring may lie apart, in another window.
///
/// ```
///   descriptor table   16·n       aligned 16    address u64 · length u32 · flags u16 · next u16
///   available ring     6 + 2·n    aligned  2    flags u16 · index u16 · heads n × u16 · used_event u16
///   used ring          6 + 8·n    aligned  4    flags u16 · index u16 · elements n × (id u32, length u32) · avail_event u16
/// ```
@frozen
public struct SplitLayout: Hashable, Sendable {
    public let size: QueueSize

    @inlinable public init(size: QueueSize) { self.size = size }

    public static let descriptorByteCount = 16
    public static let descriptorTableAlignment: UInt64 = 16
    public static let availableRingAlignment: UInt64 = 2
    public static let usedRingAlignment: UInt64 = 4

    @inlinable public var descriptorTableByteCount: Int { 16 &* size.count }
    @inlinable public var availableRingByteCount: Int { 6 &+ 2 &* size.count }
    @inlinable public var usedRingByteCount: Int { 6 &+ 8 &* size.count }

    // MARK: One region (legacy layout, VIRTIO 1.3, 2.7.2)

    /// The available ring follows the descriptor table at once.
    @inlinable public var availableRingOffset: Int { descriptorTableByteCount }

    /// The used ring's place in a region that holds all three parts; `alignment` is a power of two (MIC: 4096).
    @inlinable
    public func usedRingOffset(alignment: Int = 4096) -> Int {
        (availableRingOffset &+ availableRingByteCount &+ alignment &- 1) & ~(alignment &- 1)
    }

    /// The length of a region that holds all three parts, without anything after them.
    @inlinable
    public func regionByteCount(alignment: Int = 4096) -> Int {
        usedRingOffset(alignment: alignment) &+ usedRingByteCount
    }

    // MARK: Inside the parts

    /// `used_event`, at the end of the available ring.
    @inlinable var usedEventOffset: Int { 4 &+ 2 &* size.count }
    /// `avail_event`, at the end of the used ring.
    @inlinable var availableEventOffset: Int { 4 &+ 8 &* size.count }

    /// Both rings begin alike.
    @inlinable static var flagsOffset: Int { 0 }
    @inlinable static var indexOffset: Int { 2 }
    /// Heads in the one, elements in the other.
    @inlinable static var elementsOffset: Int { 4 }
    /// VIRTQ_AVAIL_F_NO_INTERRUPT, VIRTQ_USED_F_NO_NOTIFY: in the flags of the available and of the used ring.
    @inlinable static var suppressionFlag: UInt16 { 1 }
}
