import DevicePage
import Links
import LinuxSystem
public import SharedMemory
import SystemPackage
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
    /// Names this time of being driven among all that ever were; never 0.
    public let life: UInt64
    /// What an earlier process allocated in this life, in that order; empty in a life that begins.
    public let earlier: [GuestBuffer]
    private let device: GuestDevice

    init(_ device: GuestDevice, life: UInt64, earlier: [GuestBuffer] = []) {
        self.device = device
        self.life = life
        self.earlier = earlier
        name = device.name
        type = device.entry.type
        negotiated = device.negotiated ?? []
        queues = device.queues
    }

    /// A record of the driver's own, that outlives this process and that no peer can write; zeroed when it is new.
    ///
    /// - Returns: `nil` when there is none: then the device is reset after a kill.
    public func record(byteCount: Int) -> MemoryWindow? {
        guard let path = device.backend.recordPath(of: name) else { return nil }
        do throws(Errno) { return try MemoryWindow(MappedRecord(at: path, byteCount: byteCount)) } catch {
            device.backend.tell(
                .recordFault, name, "\(path): \(error); the device is reset if this process is killed")
            return nil
        }
    }

    /// A copy of the config space. While the host changes it, old and new bytes may be mixed; `configChanged()`
    /// follows.
    public func config() -> [UInt8] { device.slot.config() }

    /// Zeroed memory that the device can reach, for as long as the driver is bound.
    ///
    /// - Parameter alignment: a power of two.
    public func allocate(byteCount: Int, alignment: Int = 64) throws(GuestDriverError) -> GuestBuffer {
        try device.memory.allocate(byteCount: byteCount, alignment: alignment)
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
    /// The device's own, whoever drives it.
    private let counters: GuestQueueCounters
    private let notify: () -> Void

    init(
        index: Int, ring: consuming DriverQueue, counters: GuestQueueCounters, notify: @escaping () -> Void
    ) {
        self.index = index
        self.counters = counters
        self.ring = ring
        self.notify = notify
    }

    /// Shows the device all chains submitted so far, and notifies it if it asked for that.
    public func publish() {
        guard ring.hasUnpublished else { return }
        KillPoint.reach(.beforeAvailableIndex)
        counters.chainsSubmitted.add(UInt64(ring.unpublishedCount))
        let isWanted = ring.publishAvailable()
        KillPoint.reach(.afterAvailableIndex)
        if isWanted { notifyDevice() } else { counters.notificationsSuppressed.add() }
    }

    /// A chain with so many bytes for the device to read is among those that `publish` shows next.
    public func willPublish(readableByteCount: Int) {
        counters.bytesReadable.add(UInt64(readableByteCount))
    }

    /// The next chain the device completed, `nil` when there is none.
    ///
    /// - Throws: what the device broke, from then on each time: it needs a reset.
    public func takeUsed() throws(PeerViolation) -> DriverQueue.Completion? {
        guard let completion = try ring.takeUsed() else { return nil }
        counters.chainsCompleted.add()
        counters.bytesWritten.add(UInt64(completion.written))
        return completion
    }

    /// Notifies the device whatever it asked for: what it was told by a process before this one may be lost.
    public func notifyDevice() {
        counters.notificationsSent.add()
        notify()
    }
}

/// What one device has of our window. Freed only when the host is known to have let go.
final class DeviceMemory {
    private let link: any Link
    private(set) var ranges: [PeerRange]

    /// - Parameter ranges: what an earlier process had of it, reclaimed.
    init(_ link: any Link, ranges: [PeerRange] = []) {
        self.link = link
        self.ranges = ranges
    }

    /// All of it, but so many of the first ranges.
    func buffers(after count: Int) throws(LinkError) -> [GuestBuffer] {
        var buffers: [GuestBuffer] = []
        for range in ranges.dropFirst(count) {
            buffers.append(GuestBuffer(range: range, window: try window(of: range)))
        }
        return buffers
    }

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
