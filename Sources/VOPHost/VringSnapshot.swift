import DevicePage
import Links
import SharedMemory
public import Virtio

/// One queue's rings as their memory is now, copied for people and programs that look in. Nothing in it is checked: it
/// shows what the driver wrote.
public struct VringSnapshot: Sendable, Hashable {
    public struct Descriptor: Sendable, Hashable {
        public let address: UInt64
        public let byteCount: UInt32
        public let flags: UInt16
        public let next: UInt16

        /// As a driver that has not used it leaves it.
        public static let empty = Descriptor(address: 0, byteCount: 0, flags: 0, next: 0)
    }

    /// The used ring, in the guest's memory: reading it crosses the link.
    public struct Used: Sendable, Hashable {
        public let address: UInt64
        public let flags: UInt16
        public let index: UInt16
        public let availableEvent: UInt16
    }

    public let size: QueueSize
    public let ringAddress: UInt64
    /// By index.
    public let descriptors: [Descriptor]
    public let availableFlags: UInt16
    public let availableIndex: UInt16
    public let usedEvent: UInt16
    /// `nil` until the guest has said where it is.
    public let used: Used?

    init(_ ring: HostSlot.Ring, guestWindows: AddressSpace) {
        let layout = ring.layout
        size = layout.size
        ringAddress = ring.region.address
        descriptors = (0..<layout.size.count).map { index in
            Descriptor(
                address: ring.window.load64(at: 16 * index),
                byteCount: ring.window.load32(at: 16 * index + 8),
                flags: ring.window.load16(at: 16 * index + 12), next: ring.window.load16(at: 16 * index + 14))
        }
        availableFlags = ring.window.load16(at: layout.availableOffset)
        availableIndex = ring.window.load16(at: layout.availableOffset + 2)
        usedEvent = ring.window.load16(at: layout.availableOffset + 4 + 2 * layout.size.count)
        used = ring.usedAddress.flatMap { Used($0, layout, guestWindows) }
    }
}

extension VringSnapshot.Used {
    fileprivate init?(_ address: UInt64, _ layout: RingRegionLayout, _ guestWindows: AddressSpace) {
        // Checked when it was taken; a window that has gone meanwhile shows nothing.
        guard
            let range = try? PeerRange(untrustedAddress: address, byteCount: UInt64(layout.usedByteCount)),
            let window = try? guestWindows.window(covering: range)
        else { return nil }
        self.init(
            address: address, flags: window.load16(at: 0), index: window.load16(at: 2),
            availableEvent: window.load16(at: 4 + 8 * layout.size.count))
    }
}

extension HostBackend {
    /// A queue's rings as they are now; `nil` while the device is not on the page, or has no such queue.
    ///
    /// - Throws: `.noSuchDevice`.
    public func vring(of name: String, queue index: Int) throws(HostError) -> VringSnapshot? {
        guard let slot = try device(named: name).slot, slot.rings.indices.contains(index) else { return nil }
        return VringSnapshot(slot.rings[index], guestWindows: link.windows(of: .guest))
    }
}
