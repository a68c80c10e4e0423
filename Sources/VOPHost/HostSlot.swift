import DevicePage
import Links
import SharedMemory
import Virtio
import Virtqueue

/// A device's place on the page during one meeting: slot, rings and doorbell. Its shape and sizes are private copies;
/// what the page says of its own lengths is never asked.
final class HostSlot {
    /// One ring: its region in our memory, and where the guest says it wants used elements.
    struct Ring {
        let layout: RingRegionLayout
        let region: PeerRange
        let window: MemoryWindow
        /// As the guest wrote it, looked at once and checked; `nil` until then.
        var usedAddress: UInt64?
    }

    let page: DeviceSlot
    let type: DeviceType
    /// What the guest rings for this device.
    let doorbell: DoorbellNumber
    private(set) var rings: [Ring]
    /// The guest has done something with this slot: it may hold on to its rings.
    private(set) var isTouched = false

    init(_ page: DeviceSlot, type: DeviceType, doorbell: DoorbellNumber, rings: [Ring]) {
        self.page = page
        self.type = type
        self.doorbell = doorbell
        self.rings = rings
    }

    var control: ControlBlock { page.control }

    /// Notes whether anybody has written here what only a guest writes.
    func noteTouch() {
        guard !isTouched else { return }
        isTouched =
            control.hostToGuestDoorbell != ControlBlock.noDoorbell || !page.status.isEmpty
            || control.isUsedAddressPending || control.isResetPending
    }

    /// The guest's doorbell for this device, `nil` while it has none. Read anew each time it is rung: it is the
    /// guest's to change.
    func guestDoorbell(count: Int) throws(PeerViolation) -> DoorbellNumber? {
        try DoorbellNumber(untrusted: control.hostToGuestDoorbell, count: count)
    }

    /// Takes all used ring addresses the guest wrote, each for its own ring's length.
    ///
    /// - Throws: `.rangeOutsideWindows` for one that is zero or not in a guest window, `.misaligned`; then none is
    ///   taken.
    func takeUsedAddresses(in guestWindows: AddressSpace) throws(PeerViolation) {
        var addresses: [UInt64] = []
        for index in rings.indices {
            let address = page.usedAddress(of: index)
            let range = try PeerRange(
                untrustedAddress: address, byteCount: UInt64(rings[index].layout.usedByteCount))
            _ = try guestWindows.resolve(range)
            guard address % SplitLayout.usedRingAlignment == 0 else {
                throw .misaligned(address: address, alignment: SplitLayout.usedRingAlignment)
            }
            addresses.append(address)
        }
        for index in rings.indices { rings[index].usedAddress = addresses[index] }
    }

    /// Takes them as they were written down, or, where they were not, as the page has them: the guest may have said
    /// them and been answered. What is no good is left out, and shows when the queues are started.
    func takeUsedAddressesAgain(_ addresses: [UInt64], in guestWindows: AddressSpace) {
        if addresses.contains(0) {
            do throws(PeerViolation) { try takeUsedAddresses(in: guestWindows) } catch { return }
        } else {
            for index in rings.indices { rings[index].usedAddress = addresses[index] }
        }
    }

    var usedAddresses: [UInt64?] { rings.map(\.usedAddress) }

    /// Nothing the guest said in the life that has just ended counts in the next.
    func forgetGuest() {
        for index in rings.indices { rings[index].usedAddress = nil }
    }

    /// Zeroes the rings, so that a driver that comes next finds no index of the life before. Only after the queues
    /// have stopped, and while the guest waits for us or has let go.
    func clearRings() {
        for (index, ring) in rings.enumerated() {
            ring.window.zero(at: 0, byteCount: ring.layout.vringByteCount)
            ring.layout.writeTrailer(of: type, queue: index, in: ring.window)
        }
    }

    /// Writes what differs from `before`, from the first such byte to the last: what lies around it may be fields that
    /// the driver writes.
    func writeConfig(_ bytes: [UInt8], over before: [UInt8]) {
        let differing = bytes.indices.filter { bytes[$0] != before[$0] }
        guard let first = differing.first, let last = differing.last else { return }
        page.writeConfig([UInt8](bytes[first...last]), at: first)
    }

    /// The queues, with what driver and device agreed on.
    ///
    /// - Throws: an address that is not usable: the guest's fault.
    func activate(
        _ negotiated: FeatureSet, life: UInt64, isResumed: Bool, on link: any Link
    ) throws(PeerViolation) -> ActiveQueues {
        let host = link.windows(of: .host)
        let guest = link.windows(of: .guest)
        var queues = ActiveQueues(
            negotiated: negotiated, count: rings.count, life: life, isResumed: isResumed)
        for (index, ring) in rings.enumerated() {
            // Zero where the guest never told: it lies in no window.
            let setup = try QueueSetup(
                size: ring.layout.size, ringRegion: ring.region.address, usedRing: ring.usedAddress ?? 0,
                negotiated: negotiated)
            queues.put(
                try setup.activate(asDeviceWithRingsIn: host, usedRingIn: guest, buffersIn: guest), at: index)
        }
        return queues
    }
}
