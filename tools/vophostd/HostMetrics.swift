import HostDevices
import LinkDaemon
import SharedMemory
import VOPHost
import Virtio

extension DeviceNode {
    /// What the metrics have of it.
    var counted: DeviceMetrics.Device {
        DeviceMetrics.Device(
            name: name, type: configuration.type?.description ?? "none",
            isRunning: snapshot?.state == .running,
            queues: queues.sorted { $0.key < $1.key }.map { index, node in
                let counters = node.queue.counters
                return DeviceMetrics.Queue(index) { counters.samples }
            })
    }
}

extension QueueCounters {
    fileprivate var samples: [QueueSample] {
        [
            QueueSample(.chainsTaken, chainsTaken.now),
            QueueSample(.chainsCompleted, chainsCompleted.now),
            QueueSample(.queueBytes, bytesRead.now, ("direction", "read")),
            QueueSample(.queueBytes, bytesWritten.now, ("direction", "written")),
            QueueSample(.redeliveries, redeliveries.now),
            QueueSample(.notifications, notificationsSent.now, ("outcome", "sent")),
            QueueSample(.notifications, notificationsSuppressed.now, ("outcome", "suppressed")),
        ]
    }
}
