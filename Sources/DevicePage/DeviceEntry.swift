internal import CVOP
internal import SharedMemory
public import Virtio

/// A private copy of one live slot: each byte was read once, the copy was checked, and it holds still.
public struct DeviceEntry: Hashable, Sendable {
    public let index: SlotIndex
    public let offset: PageOffset
    public let type: DeviceType
    public let shape: SlotShape
    public let status: DeviceStatus
    /// As many as `shape.queueCount`. A stated size may still be bad: that costs this device, not the walk.
    public let queues: [QueueEntry]
    public let offered: FeatureSet
    public let accepted: FeatureSet
    public let config: [UInt8]
    public let control: ControlBlock.Snapshot

    /// - Throws: `.slot` for a type that is no virtio ID, or lengths that break the profile or the page (the host's
    ///   fault).
    init(word: SlotWord, copyingFrom page: MemoryWindow, at offset: PageOffset, index: SlotIndex)
        throws(PeerViolation)
    {
        guard word.type > 0, let type = DeviceType(rawValue: UInt8(word.type)) else {
            throw .slot(offset: offset.rawValue, reason: "type \(word.type), allowed are 1…127, 0 and −1")
        }
        let shape = word.shape
        try shape.check(at: offset)
        let bytes = page.bytes(at: offset.rawValue, byteCount: shape.byteCount)
        self.index = index
        self.offset = offset
        self.type = type
        self.shape = shape
        // The lengths come from `word` alone; whatever the copy's first four bytes say is not looked at.
        status = DeviceStatus(rawValue: bytes[4])
        queues = (0..<shape.queueCount).map { queue in
            QueueEntry(bytes[shape.queueEntryOffset(queue)...])
        }
        offered = FeatureSet(bitmap: [UInt8](bytes[shape.offeredOffset..<shape.acceptedOffset]))
        accepted = FeatureSet(bitmap: [UInt8](bytes[shape.acceptedOffset..<shape.configOffset]))
        config = [UInt8](bytes[shape.configOffset..<shape.descriptorByteCount])
        control = ControlBlock.snapshot(bytes[shape.controlOffset...])
    }

    /// What both agree on.
    public var negotiated: FeatureSet { offered.intersection(accepted) }
}
