import DevicePage
import Links
public import SharedMemory
public import Virtio
public import Virtqueue

/// A device as its driver has it.
public final class BoundDevice {
    /// Its name on this side: `9p0`.
    public let name: String
    public let type: DeviceType
    public let negotiated: FeatureSet
    /// All queues of the device, set up.
    public let queues: [GuestQueue]
    private let slot: DeviceSlot
    private let memory: DeviceMemory

    init(
        name: String, type: DeviceType, negotiated: FeatureSet, queues: [GuestQueue], slot: DeviceSlot,
        memory: DeviceMemory
    ) {
        self.name = name
        self.type = type
        self.negotiated = negotiated
        self.queues = queues
        self.slot = slot
        self.memory = memory
    }

    /// A copy of the config space. While the host changes it, old and new bytes may be mixed; `configChanged()`
    /// follows.
    public func config() -> [UInt8] { slot.config() }

    /// Zeroed memory that the device can reach, for as long as the driver is bound.
    ///
    /// - Parameter alignment: a power of two.
    public func allocate(byteCount: Int, alignment: Int = 64) throws(GuestDriverError) -> GuestBuffer {
        try memory.allocate(byteCount: byteCount, alignment: alignment)
    }
}

/// Memory in the guest's window: its address for descriptors, and its bytes.
public struct GuestBuffer: Sendable {
    public let range: PeerRange
    public let window: MemoryWindow
}

/// One queue of a bound device.
public final class GuestQueue {
    public let index: Int
    /// The rings. Exclusive to the driver, on the link's thread; for many chains, lend them once (`inout`).
    public var ring: DriverQueue
    /// The device's index when the driver was last served.
    var noticedIndex: UInt16 = 0
    /// How often the device was notified.
    public private(set) var notificationCount: UInt64 = 0
    private let notify: () -> Void

    init(index: Int, ring: consuming DriverQueue, notify: @escaping () -> Void) {
        self.index = index
        self.ring = ring
        self.notify = notify
    }

    /// Shows the device all chains submitted so far, and notifies it if it asked for that.
    public func publish() {
        guard ring.publishAvailable() else { return }
        notificationCount &+= 1
        notify()
    }
}

/// What one device has of our window. Freed only when the host is known to have let go.
final class DeviceMemory {
    private let link: any Link
    private var ranges: [PeerRange] = []

    init(_ link: any Link) { self.link = link }

    var byteCount: UInt64 { ranges.reduce(0) { $0 + $1.byteCount } }

    func allocate(byteCount: Int, alignment: Int) throws(GuestDriverError) -> GuestBuffer {
        do throws(LinkError) {
            let range = try link.allocate(byteCount: byteCount, alignment: alignment)
            ranges.append(range)
            return GuestBuffer(range: range, window: try window(of: range))
        } catch {
            if case .outOfMemory(let byteCount) = error { throw .outOfMemory(byteCount: byteCount) }
            throw .unsuitable("the link gives no memory: \(error)")
        }
    }

    /// The host touches none of it any more.
    func free() {
        for range in ranges { link.free(range) }
        ranges = []
    }

    private func window(of range: PeerRange) throws(LinkError) -> MemoryWindow {
        do throws(PeerViolation) {
            return try link.windows(of: link.side).window(covering: range)
        } catch { throw .peer(error) }
    }
}
