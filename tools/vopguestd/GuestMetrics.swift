import LinkDaemon
import SharedMemory
import VOPGuest
import Virtio

extension GuestDeviceSnapshot {
    /// What the metrics have of it, whose queues count in `queues`.
    func counted(_ queues: [GuestQueueCounters]) -> DeviceMetrics.Device {
        DeviceMetrics.Device(
            name: name, type: type.description, isRunning: driver != nil,
            queues: queues.enumerated().map { index, counters in
                DeviceMetrics.Queue(index) { counters.samples }
            })
    }
}

extension GuestQueueCounters {
    fileprivate var samples: [QueueSample] {
        [
            QueueSample(.chainsSubmitted, chainsSubmitted.now),
            QueueSample(.chainsCompleted, chainsCompleted.now),
            QueueSample(.queueBytes, bytesReadable.now, ("direction", "read")),
            QueueSample(.queueBytes, bytesWritten.now, ("direction", "written")),
            QueueSample(.notifications, notificationsSent.now, ("outcome", "sent")),
            QueueSample(.notifications, notificationsSuppressed.now, ("outcome", "suppressed")),
        ]
    }
}
