import DevicePage
import Links
import LinuxSystem
import SharedMemory
import SystemPackage
import Virtio

/// Writing down what a successor of this process must know of the page.
extension HostBackend {
    /// Writes down every slot as it is now.
    ///
    /// - Parameter coming: one that is about to be shown.
    func writeDown(coming: PageRecord.Slot? = nil) {
        // While a slot is coming the publisher is at work, and must not be looked at.
        guard let path = settings.recordPath, coming != nil || isUp else { return }
        let slots = devices.compactMap { device in
            device.slot.map { entry(of: $0, name: device.name, device) }
        }
        let record = PageRecord(
            meetingID: meetingID,
            slots: slots + quarantine.map { entry(of: $0, name: "", nil) } + [coming].compactMap { $0 })
        do throws(Errno) { try record.write(to: path) } catch {
            tell(.recordFault, nil, "\(path) cannot be written: \(error)")
            // An old one would be believed.
            do throws(Errno) { try WholeFile.remove(path) } catch {}
        }
    }

    private func entry(of slot: HostSlot, name: String, _ device: HostDevice?) -> PageRecord.Slot {
        PageRecord.Slot(
            name: name, offset: slot.page.offset.rawValue, queueCount: slot.page.shape.queueCount,
            featureByteCount: slot.page.shape.featureByteCount,
            configByteCount: slot.page.shape.configByteCount, type: slot.type.rawValue,
            doorbell: slot.doorbell.rawValue, life: device?.isRunning ?? false ? device?.life ?? 0 : 0,
            status: device?.status.rawValue ?? 0, negotiated: device?.negotiated?.rawValue ?? 0,
            rings: slot.rings.map {
                PageRecord.Ring(
                    address: $0.region.address, size: $0.layout.size.rawValue,
                    usedAddress: $0.usedAddress ?? 0)
            })
    }

    /// A slot that has its place and is not shown yet.
    func comingSlot(
        _ device: HostDevice, at offset: PageOffset, _ rings: [HostSlot.Ring], doorbell: UInt8
    ) -> PageRecord.Slot {
        let shape = device.description.shape
        return PageRecord.Slot(
            name: device.name, offset: offset.rawValue, queueCount: shape.queueCount,
            featureByteCount: shape.featureByteCount, configByteCount: shape.configByteCount,
            type: device.description.type.rawValue, doorbell: doorbell, life: 0, status: 0, negotiated: 0,
            rings: rings.map {
                PageRecord.Ring(address: $0.region.address, size: $0.layout.size.rawValue, usedAddress: 0)
            })
    }
}
