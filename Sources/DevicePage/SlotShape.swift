internal import CVOP
internal import SharedMemory

/// The three lengths that decide where a slot's parts lie, and so where the next slot starts.
///
/// ```
///   0        8             8+24q          +f             +f          +c    control       byteCount
///   | header | queue entry | offered bits | accepted bits | config    | pad | control     |
///   |   8    |  24 each    |      f       |      f        |     c     |     |     16      |
///   |<------------- descriptor, at most 256 with its padding -------------->|
/// ```
@frozen
public struct SlotShape: Hashable, Sendable {
    /// `num_vq`
    public let queueCount: Int
    /// `feature_len`: bytes of one bitmap
    public let featureByteCount: Int
    /// `config_len`
    public let configByteCount: Int

    /// MIC_MAX_VRINGS
    public static let queueCountMaximum = Int(VOP_PAGE_RINGS_MAX)
    /// MIC_MAX_DESC_BLK_SIZE
    public static let descriptorMaximum = Int(VOP_PAGE_DESCRIPTOR_MAX)
    /// Header and control block: no slot is shorter.
    public static let byteCountMinimum = Int(VOP_PAGE_SLOT_MIN)
    /// No slot of the MIC profile is longer.
    public static let byteCountMaximum = descriptorMaximum + ControlBlock.encodedByteCount

    public init(queueCount: Int, featureByteCount: Int, configByteCount: Int) {
        self.queueCount = queueCount
        self.featureByteCount = featureByteCount
        self.configByteCount = configByteCount
    }

    /// A removed slot of `byteCount` bytes, 24…272, a multiple of 8: config bytes that nobody reads fill it.
    init(fillerOf byteCount: Int) {
        precondition(
            (Self.byteCountMinimum...Self.byteCountMaximum).contains(byteCount) && byteCount % 8 == 0)
        self.init(queueCount: 0, featureByteCount: 0, configByteCount: byteCount - Self.byteCountMinimum)
    }

    public static let headerByteCount = 8
    public var offeredOffset: Int { Self.headerByteCount + QueueEntry.encodedByteCount * queueCount }
    public var acceptedOffset: Int { offeredOffset + featureByteCount }
    public var configOffset: Int { acceptedOffset + featureByteCount }
    /// What the parts before the padding add up to.
    public var descriptorByteCount: Int { configOffset + configByteCount }
    /// Also the length of the padded descriptor.
    public var controlOffset: Int { (descriptorByteCount + 7) & ~7 }
    /// The whole slot; the next one follows at once.
    public var byteCount: Int { controlOffset + ControlBlock.encodedByteCount }

    public func queueEntryOffset(_ queue: Int) -> Int {
        precondition((0..<queueCount).contains(queue), "no such queue in this slot")
        return Self.headerByteCount + QueueEntry.encodedByteCount * queue
    }

    /// - Throws: `.slot` when a live slot of this shape at `offset` breaks the MIC profile or does not end inside the
    ///   page (the host's fault).
    func check(at offset: PageOffset) throws(PeerViolation) {
        guard queueCount <= Self.queueCountMaximum else {
            throw .slot(
                offset: offset.rawValue, reason: "\(queueCount) queues, at most \(Self.queueCountMaximum)")
        }
        guard controlOffset <= Self.descriptorMaximum else {
            throw .slot(
                offset: offset.rawValue,
                reason: "a descriptor of \(controlOffset) bytes, at most \(Self.descriptorMaximum)")
        }
        try checkEnd(at: offset)
    }

    /// - Throws: `.slot` when the slot reaches past the end of the page. A slot may end exactly there: every walk stops
    ///   at that offset.
    func checkEnd(at offset: PageOffset) throws(PeerViolation) {
        guard offset.rawValue + byteCount <= PageOffset.pageByteCount else {
            throw .slot(
                offset: offset.rawValue,
                reason: "ends at \(offset.rawValue + byteCount), past the page's \(PageOffset.pageByteCount)")
        }
    }
}
