import Commands
import HostDevices
import LinkDaemon
import SharedMemory
import Synchronization
import VOPHost
import Virtio

/// What the host side of a link counts: who its devices are is told by the link's own thread, their numbers are read
/// where they are counted.
final class HostMetrics: LinkMetrics {
    private struct Device {
        let name: String
        let type: String
        let isRunning: Bool
        let queues: [(index: Int, counters: QueueCounters)]
    }

    private let devices = Mutex<[Device]>([])

    /// By the link's own thread, after each change of theirs.
    func note(_ nodes: [DeviceNode]) {
        let now = nodes.map { node in
            Device(
                name: node.name, type: node.configuration.type?.description ?? "none",
                isRunning: node.snapshot?.state == .running,
                queues: node.queues.sorted { $0.key < $1.key }.map { ($0.key, $0.value.queue.counters) })
        }
        devices.withLock { $0 = now }
    }

    func write(to text: inout LinkMetricsText, link: String) {
        for device in devices.withLock({ $0 }) {
            text.add(
                .devices, ["link": link, "device": device.name, "type": device.type],
                device.isRunning ? 1 : 0)
            for (index, counters) in device.queues {
                HostMetrics.write(counters, to: &text, link, device.name, "\(index)")
            }
        }
    }

    private static func write(
        _ counters: QueueCounters, to text: inout LinkMetricsText, _ link: String, _ device: String,
        _ queue: String
    ) {
        func add(_ family: LinkMetric, _ value: UInt64) {
            text.add(family, ["link": link, "device": device, "queue": queue], value)
        }
        func add(_ family: LinkMetric, _ label: String, _ word: String, _ value: UInt64) {
            text.add(family, ["link": link, "device": device, "queue": queue, label: word], value)
        }
        add(.chainsTaken, counters.chainsTaken.now)
        add(.chainsCompleted, counters.chainsCompleted.now)
        add(.queueBytes, "direction", "read", counters.bytesRead.now)
        add(.queueBytes, "direction", "written", counters.bytesWritten.now)
        add(.redeliveries, counters.redeliveries.now)
        add(.notifications, "outcome", "sent", counters.notificationsSent.now)
        add(.notifications, "outcome", "suppressed", counters.notificationsSuppressed.now)
    }
}
