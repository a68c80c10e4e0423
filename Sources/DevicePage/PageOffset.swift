internal import CVOP

/// Where a slot starts: bytes from the start of the page, a multiple of 8, 24…4088. A device is known by this as long
/// as it lives; slots before it may come and go.
@frozen
public struct PageOffset: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: Int

    /// The first slot follows the boot parameters.
    public static let firstSlot = PageOffset(Int(VOP_PAGE_FIRST_SLOT))
    /// MIC_DP_SIZE: both sides' walks stop here.
    public static let pageByteCount = Int(VOP_PAGE_BYTE_COUNT)

    /// `nil` where no slot can start.
    public init?(rawValue: Int) {
        guard (Self.firstSlot.rawValue..<Self.pageByteCount).contains(rawValue), rawValue % 8 == 0 else {
            return nil
        }
        self.rawValue = rawValue
    }

    init(_ known: Int) { rawValue = known }

    public static func < (left: PageOffset, right: PageOffset) -> Bool { left.rawValue < right.rawValue }
    public var description: String { String(rawValue) }
}

/// A slot's position in the page, in order, removed ones counted. It changes when holes are merged or split: to name a
/// device, use its `PageOffset`.
@frozen
public struct SlotIndex: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: Int

    public init(rawValue: Int) { self.rawValue = rawValue }

    public static func < (left: SlotIndex, right: SlotIndex) -> Bool { left.rawValue < right.rawValue }
    public var description: String { String(rawValue) }
}
