internal import CVOP
public import SharedMemory
public import Virtio

/// The live bytes of one device's slot, at a place and of a shape that this side keeps to itself: what the page says
/// of its own lengths now does not move anything here.
public struct DeviceSlot: Sendable {
    public let offset: PageOffset
    public let shape: SlotShape
    public let control: ControlBlock
    let page: MemoryWindow

    init(in page: MemoryWindow, at offset: PageOffset, shape: SlotShape) {
        self.page = page
        self.offset = offset
        self.shape = shape
        control = ControlBlock(in: page, at: offset.rawValue + shape.controlOffset)
    }

    /// At a place that was taken before.
    public init(at place: PagePlace, in page: MemoryWindow) {
        self.init(in: page, at: PageOffset(place.offset), shape: place.shape)
    }

    // MARK: Header

    /// The type byte: the device's own, or −1 once either side has removed it.
    ///
    /// ORDER: acquire; pairs with the release in `PagePublisher` and in `letGo`.
    public var type: Int8 { Int8(bitPattern: page.loadAcquiring8(at: offset.rawValue)) }

    /// Either side has marked the slot removed.
    public var isRemoved: Bool { Int(type) == VOP_PAGE_TYPE_REMOVED }

    /// The virtio status byte: the guest's to write, but that the host zeroes it in a reset.
    public var status: DeviceStatus {
        // ORDER: acquire; pairs with `setStatus`: accepted features and ring contents are seen with the status that
        // follows them.
        DeviceStatus(rawValue: page.loadAcquiring8(at: offset.rawValue + Self.statusOffset))
    }

    /// ORDER: release; pairs with `status`.
    public func setStatus(_ status: DeviceStatus) {
        page.storeReleasing8(status.rawValue, at: offset.rawValue + Self.statusOffset)
    }

    private static let statusOffset = 4

    // MARK: Features

    /// Guest: what the device offers.
    public var offeredFeatures: FeatureSet { features(at: shape.offeredOffset) }
    /// Host: what the guest has accepted so far; final once its status says features OK, or driver OK of a legacy
    /// guest. Check it against what was offered.
    public var acceptedFeatures: FeatureSet { features(at: shape.acceptedOffset) }

    /// Guest: accepts `features`, before the status that says so. Bits that the bitmap cannot hold are left out; a
    /// guest asks for offered bits only, and those fit.
    public func accept(_ features: FeatureSet) {
        page.write(
            features.bitmap(byteCount: shape.featureByteCount), at: offset.rawValue + shape.acceptedOffset)
    }

    private func features(at position: Int) -> FeatureSet {
        FeatureSet(bitmap: page.bytes(at: offset.rawValue + position, byteCount: shape.featureByteCount))
    }

    // MARK: Queues

    /// One queue's entry as it is now, each field read once.
    public func queueEntry(_ queue: Int) -> QueueEntry {
        let base = offset.rawValue + shape.queueEntryOffset(queue)
        return QueueEntry(
            address: page.load64(at: base), usedAddress: page.load64(at: base + QueueEntry.usedAddressOffset),
            statedSize: page.load16(at: base + QueueEntry.sizeOffset))
    }

    /// Host: where the guest says its used ring is; 0 when it has said nothing. Read it once, after
    /// `control.isUsedAddressPending`.
    public func usedAddress(of queue: Int) -> UInt64 {
        page.load64(at: offset.rawValue + shape.queueEntryOffset(queue) + QueueEntry.usedAddressOffset)
    }

    /// Guest: says where; `Handshake.usedAddress` follows when all queues have theirs.
    public func setUsedAddress(_ address: UInt64, of queue: Int) {
        page.store64(
            address, at: offset.rawValue + shape.queueEntryOffset(queue) + QueueEntry.usedAddressOffset)
    }

    // MARK: Config space

    /// A copy of the config space. The MIC profile counts no generations: while the host writes, a copy may mix old
    /// and new bytes, and a config change command follows.
    public func config() -> [UInt8] {
        page.bytes(at: offset.rawValue + shape.configOffset, byteCount: shape.configByteCount)
    }

    /// Writes part of the config space: the host before it asks for a config change, the guest where a device kind
    /// has fields for its driver to write.
    ///
    /// - Precondition: the bytes end inside the config space.
    public func writeConfig(_ bytes: [UInt8], at position: Int = 0) {
        precondition(
            position >= 0 && bytes.count <= shape.configByteCount
                && position <= shape.configByteCount - bytes.count,
            "outside the config space")
        page.write(bytes, at: offset.rawValue + shape.configOffset + position)
    }

    // MARK: Letting go

    /// Guest: the last thing it does to a slot it was asked to remove, or unloads from: gives its doorbell back, marks
    /// the slot removed, acknowledges. The original acknowledges before it marks; this order leaves no moment in which
    /// the host has its answer and the guest still writes, and a MIC host takes it too.
    public func letGo() {
        control.setHostToGuestDoorbell(ControlBlock.noDoorbell)
        // ORDER: release; pairs with `type`.
        page.storeReleasing8(UInt8(bitPattern: Int8(VOP_PAGE_TYPE_REMOVED)), at: offset.rawValue)
        control.store(1, to: .guestAcknowledge)
    }
}
