internal import CVOP
public import SharedMemory
internal import Virtio

/// The host's pen for its device page: formats it, publishes and retires devices.
///
/// It keeps its own record of what lies where and never reads the page for it. After each single store the page is a
/// list of whole slots, so a guest that walks meanwhile finds every device that stays:
///
/// ```
///   into the tail:   zero behind · bytes · word                       (type 0 stands until the word is stored)
///   into a hole:     fillers inside its body · bytes · word           (type −1 and the hole's length stand until then)
///   into several:    fillers · word (−1, new length) · bytes · word
///   retire:          word (−1), which may take in holes beside it; at the end of the list, word (0)
/// ```
public struct PagePublisher: ~Copyable {
    private let window: MemoryWindow
    private let nodeID: UInt8
    private var layout = PageLayout()

    /// Takes a page and formats it: 4096 bytes in the host's own memory.
    public init(formatting window: MemoryWindow, nodeID: UInt8 = 0) {
        precondition(window.byteCount >= PageOffset.pageByteCount, "a device page has 4096 bytes")
        self.window = window
        self.nodeID = nodeID
        format()
    }

    /// An empty page: boot parameters, no slots, no doorbells. All places are free again.
    public mutating func format() {
        layout = PageLayout()
        // ORDER: release, first and last; pairs with the acquire in `BootParameters`: whoever sees the magic sees an
        // empty list.
        window.storeReleasing32(0, at: 0)
        window.zero(at: 4, byteCount: PageOffset.pageByteCount - 4)
        window.write([UInt8](BootParameters.initialBytes(nodeID: nodeID)[4...]), at: 4)
        window.storeReleasing32(BootParameters.magic, at: 0)
    }

    /// Takes over a page that an earlier life of this process published on, by what that one wrote down. Words that lead
    /// from slot to slot are written anew, in an order in which a guest that walks meanwhile finds every slot.
    ///
    /// - Returns: `nil` when the places overlap, or do not lie in the page.
    public init?(adopting window: MemoryWindow, nodeID: UInt8 = 0, _ places: [PagePlace]) {
        precondition(window.byteCount >= PageOffset.pageByteCount, "a device page has 4096 bytes")
        guard let layout = PageLayout(places) else { return nil }
        self.window = window
        self.nodeID = nodeID
        self.layout = layout
        if layout.tail < PageLayout.limit { store(.end, at: layout.tail) }
        for extent in layout.extents.reversed() where extent.use == .hole {
            store(.removed(SlotShape(fillerOf: extent.byteCount)), at: extent.offset)
        }
        for place in places where place.isQuarantined { store(.removed(place.shape), at: place.offset) }
    }

    /// Marks a slot removed as its guest would: its place stays taken.
    public func mark(removed slot: DeviceSlot) { store(.removed(slot.shape), at: slot.offset.rawValue) }

    public var page: DevicePage { DevicePage(window) }

    /// Bytes in holes and at the end, together.
    public var freeByteCount: Int { layout.freeByteCount }

    // MARK: Publishing

    /// Publishes a device, all at once: no guest sees it in part.
    ///
    /// - Parameters:
    ///   - ringAddresses: where each queue's region lies, in the queues' order.
    ///   - guestToHostDoorbell: what the guest rings for it; −1 for none.
    ///   - willShow: told where, before anything is written there.
    /// - Throws: `.noSpace` when no run of adjacent holes, and not the end of the page, has room; nothing has changed.
    /// - Precondition: one address for each queue.
    public mutating func publish(
        _ device: DeviceDescription, ringAddresses: [UInt64], guestToHostDoorbell: Int8,
        willShow: (PageOffset) -> Void = { _ in }
    ) throws(PageError) -> DeviceSlot {
        precondition(ringAddresses.count == device.queueSizes.count, "one ring address for each queue")
        let shape = device.shape
        guard let place = layout.take(shape.byteCount) else {
            throw .noSpace(
                byteCount: shape.byteCount, free: layout.freeByteCount, largest: layout.largestPlace)
        }
        willShow(place.offset)
        prepare(place, for: shape)
        let body = Self.body(of: device, ringAddresses: ringAddresses, doorbell: guestToHostDoorbell)
        window.write(body, at: place.offset.rawValue + SlotShape.headerByteCount)
        store(SlotWord(type: Int8(device.type.rawValue), shape: shape), at: place.offset.rawValue)
        return DeviceSlot(in: window, at: place.offset, shape: shape)
    }

    private func prepare(_ place: PageLayout.Placement, for shape: SlotShape) {
        for filler in place.fillers {
            store(.removed(SlotShape(fillerOf: filler.byteCount)), at: filler.offset)
        }
        if place.reshapes { store(.removed(shape), at: place.offset.rawValue) }
        if let end = place.endsListAt { store(.end, at: end) }
        // ORDER: release; pairs with the acquire fence in `PageSnapshot`: a walker that sees bytes of the new device
        // where a slot used to start sees, when it looks again, that the slot is gone.
        MemoryOrder.release()
    }

    /// Everything of a slot behind its header word.
    private static func body(of device: DeviceDescription, ringAddresses: [UInt64], doorbell: Int8) -> [UInt8]
    {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(device.shape.byteCount)
        for (size, address) in zip(device.queueSizes, ringAddresses) {
            bytes += QueueEntry(address: address, statedSize: size.rawValue).encoded
        }
        bytes += device.offered.bitmap(byteCount: device.featureByteCount)
        bytes += [UInt8](repeating: 0, count: device.featureByteCount)
        bytes += device.config
        bytes += [UInt8](
            repeating: 0, count: device.shape.controlOffset - device.shape.descriptorByteCount)
        return bytes + ControlBlock.initialBytes(guestToHostDoorbell: doorbell)
    }

    // MARK: Retiring

    /// Withdraws a device and makes its place free. Its guest has let go, or there is no guest.
    ///
    /// - Precondition: the slot is one that `publish` returned since the last `format`, not yet retired; a quarantined
    ///   one may be.
    public mutating func retire(_ slot: DeviceSlot) {
        switch layout.give(back: slot.offset) {
        case .removed(let offset, let byteCount):
            if offset != slot.offset.rawValue { store(.removed(slot.shape), at: slot.offset.rawValue) }
            let keepsShape = offset == slot.offset.rawValue && byteCount == slot.shape.byteCount
            store(.removed(keepsShape ? slot.shape : SlotShape(fillerOf: byteCount)), at: offset)
        case .tail(let offset, let oldTail):
            store(.removed(slot.shape), at: slot.offset.rawValue)
            store(.end, at: offset)
            // ORDER: as in `prepare`.
            MemoryOrder.release()
            let dead = offset + SlotShape.headerByteCount
            window.zero(at: dead, byteCount: oldTail - dead)
        }
    }

    /// Withdraws a device whose guest has not let go: its place is given to nobody until it is retired, or the page
    /// formatted.
    public mutating func quarantine(_ slot: DeviceSlot) {
        layout.quarantine(slot.offset)
        store(.removed(slot.shape), at: slot.offset.rawValue)
    }

    /// ORDER: release; pairs with the acquiring load of the word in `PageSnapshot`: what was written before, in the slot
    /// or inside the hole, is visible before the word that leads there.
    private func store(_ word: SlotWord, at offset: Int) {
        window.storeReleasing64(word.rawValue, at: offset)
    }
}

/// Why a page could not take a device.
public enum PageError: Error, Hashable, Sendable, CustomStringConvertible {
    /// ENOSPC
    case noSpace(byteCount: Int, free: Int, largest: Int)

    public var description: String {
        switch self {
        case .noSpace(let byteCount, let free, let largest):
            "the device page is full: the device needs \(byteCount) bytes in one place, the longest free place has"
                + " \(largest) (of \(free) free); remove a device, or give this one fewer queues or config bytes"
        }
    }
}
