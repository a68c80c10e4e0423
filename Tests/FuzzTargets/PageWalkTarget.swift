import DevicePage
import SharedMemory

extension FuzzTarget {
    /// A page of a host that means no good: walked, copied, reported, and its devices' live bytes looked at.
    ///
    /// Input: the page's first bytes; the rest are 0.
    static let pageWalk = FuzzTarget(name: "page-walk") { input in
        let window = MemoryWindow.heap(byteCount: PageOffset.pageByteCount)
        window.write(Array(input.prefix(PageOffset.pageByteCount)), at: 0)
        let page = DevicePage(window)
        let snapshot = page.snapshot()
        checkPlaces(of: snapshot)
        require(page.snapshot() == snapshot, "a page at rest is the same when walked again")

        let report = PageReport(snapshot)
        require(!report.text.isEmpty, "a report has text")
        let decoded = try? PageReport(decoding: page.bytes())
        require(decoded == report, "a dump is reported as the page was")
        for entry in snapshot.devices { look(at: page.slot(of: entry), as: entry) }
    }

    /// Slots lie behind each other from offset 24 on, inside the page.
    private static func checkPlaces(of snapshot: PageSnapshot) {
        var next = PageOffset.firstSlot.rawValue
        for slot in snapshot.slots {
            let (offset, byteCount) =
                switch slot {
                case .device(let entry): (entry.offset.rawValue, entry.shape.byteCount)
                case .removed(let offset, let byteCount): (offset.rawValue, byteCount)
                }
            require(offset == next, "slot at \(offset) follows its predecessor at \(next)")
            require(byteCount >= SlotShape.byteCountMinimum, "a slot has its header and control block")
            next = offset + byteCount
        }
        require(next <= PageOffset.pageByteCount, "the last slot ends in the page")
    }

    /// The guest's own steps on a device it found; they write only what is the guest's.
    private static func look(at slot: DeviceSlot, as entry: DeviceEntry) {
        require(slot.offeredFeatures == entry.offered, "features are where the copy has them")
        require(entry.queues.count == entry.shape.queueCount, "each queue has its entry")
        slot.accept(entry.offered)
        slot.setStatus(entry.status)
        _ = slot.control.pendingCommand()
        slot.control.acknowledgeConfigChange()
        slot.control.acknowledgeUsedAddresses()
        slot.control.acknowledgeReset()
    }
}
