import DevicePage
import SharedMemory
import Virtio

extension HostDevice {
    var snapshot: DeviceSnapshot {
        DeviceSnapshot(
            name: name, type: description.type, state: state, status: status, offered: description.offered,
            negotiated: negotiated, slot: slot?.page.offset.rawValue, configSpace: configSpace,
            queues: queueSnapshots, lastFault: lastFault, resetCount: resetCount,
            quarantineCount: quarantineCount)
    }

    private var queueSnapshots: [DeviceSnapshot.Queue] {
        let statistics = model.queueStatistics
        return description.queueSizes.enumerated().map { index, size in
            DeviceSnapshot.Queue(
                size: size, ringAddress: slot?.rings[index].region.address,
                usedAddress: slot?.rings[index].usedAddress, isRunning: isRunning,
                statistics: statistics.indices.contains(index) ? statistics[index] : QueueStatistics())
        }
    }

    /// As it is published next: with the config space of the last change.
    var currentDescription: DeviceDescription {
        let sizes = description.queueSizes.map { UInt32($0.rawValue) }
        // Only the config bytes differ, and there are as many as before: nothing is refused here.
        let current = try? DeviceDescription(
            type: description.type, queueSizes: sizes, featureByteCount: description.featureByteCount,
            offered: description.offered, config: configSpace)
        return current ?? description
    }
}
