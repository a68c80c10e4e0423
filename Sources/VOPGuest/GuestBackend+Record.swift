import DevicePage
import Links
import LinuxSystem
import SharedMemory
import SystemPackage
import Virtio

/// Writing down what a successor of this process must know of the devices.
extension GuestBackend {
    var recordPath: String? { settings.recordDirectory.map { "\($0)/devices" } }

    /// Writes down every device as it is now; nothing, while there is no meeting.
    func writeDown() {
        guard let path = recordPath else { return }
        do throws(Errno) {
            if meetingID == 0 { try WholeFile.remove(path) } else { try record.write(to: path) }
        } catch {
            context.tell(
                .recordFault, nil,
                "\(path) cannot be written: \(error); every device is reset if this process is killed")
            // An old one would be believed.
            do throws(Errno) { try WholeFile.remove(path) } catch {}
        }
    }

    private var record: DevicesRecord {
        var doorbell: UInt8?
        if case .present(_, let configDoorbell) = page { doorbell = configDoorbell.rawValue }
        return DevicesRecord(
            meetingID: meetingID, doorbell: doorbell, quarantined: context.quarantined,
            devices: devices.compactMap(entry))
    }

    private func entry(of device: GuestDevice) -> DevicesRecord.Device? {
        let standing: DevicesRecord.Standing
        var driver = device.boundKind?.name ?? ""
        switch device.phase {
        case .gone: return nil
        case .failed(_, isAnswerable: false): standing = .lost
        case .unbound where device.status.isEmpty && device.memory.ranges.isEmpty: standing = .unbound
        case .unbound, .failed:
            // Being bound, or broken by its host: its driver is given another chance.
            standing = .bound
            driver = self.driver(of: device.entry.type)?.name ?? ""
        case .settingUp, .running, .resetting: standing = .bound
        }
        return DevicesRecord.Device(
            offset: device.entry.offset.rawValue, type: device.entry.type.rawValue, shape: device.entry.shape,
            offered: device.entry.offered.rawValue, doorbell: device.ownDoorbell.rawValue,
            status: device.status.rawValue, negotiated: device.negotiated?.rawValue ?? 0, life: device.life,
            standing: standing, name: device.name, driver: driver,
            queues: device.entry.queues.enumerated().map { index, queue in
                DevicesRecord.Queue(
                    address: queue.address, statedSize: queue.statedSize,
                    usedAddress: index < device.usedAddresses.count ? device.usedAddresses[index] : 0)
            }, memory: device.memory.ranges)
    }
}
