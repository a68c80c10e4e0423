import Commands
import LinkDaemon
import SharedMemory
import Synchronization
import VOPGuest
import Virtio

/// What the guest side of a link found, and what of it is driven: who its devices are is told by the link's own thread,
/// their numbers are read where they are counted.
final class GuestMetrics: LinkMetrics {
    private struct Device {
        let name: String
        let type: String
        let isRunning: Bool
        let queues: [GuestQueueCounters]
    }

    private let devices = Mutex<[Device]>([])

    /// By the link's own thread, when that may have changed.
    func note(_ snapshots: [GuestDeviceSnapshot], _ counters: (String) -> [GuestQueueCounters]) {
        let now = snapshots.map {
            Device(
                name: $0.name, type: $0.type.description, isRunning: $0.driver != nil,
                queues: counters($0.name))
        }
        devices.withLock { $0 = now }
    }

    func write(to text: inout LinkMetricsText, link: String) {
        for device in devices.withLock({ $0 }) {
            text.add(
                .devices, ["link": link, "device": device.name, "type": device.type],
                device.isRunning ? 1 : 0)
            for (index, counters) in device.queues.enumerated() {
                GuestMetrics.write(counters, to: &text, link, device.name, "\(index)")
            }
        }
    }

    private static func write(
        _ counters: GuestQueueCounters, to text: inout LinkMetricsText, _ link: String, _ device: String,
        _ queue: String
    ) {
        func add(_ family: LinkMetric, _ value: UInt64) {
            text.add(family, ["link": link, "device": device, "queue": queue], value)
        }
        func add(_ family: LinkMetric, _ label: String, _ word: String, _ value: UInt64) {
            text.add(family, ["link": link, "device": device, "queue": queue, label: word], value)
        }
        add(.chainsSubmitted, counters.chainsSubmitted.now)
        add(.chainsCompleted, counters.chainsCompleted.now)
        add(.queueBytes, "direction", "read", counters.bytesReadable.now)
        add(.queueBytes, "direction", "written", counters.bytesWritten.now)
        add(.notifications, "outcome", "sent", counters.notificationsSent.now)
        add(.notifications, "outcome", "suppressed", counters.notificationsSuppressed.now)
    }
}
