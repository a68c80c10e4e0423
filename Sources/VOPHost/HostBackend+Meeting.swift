import DevicePage
import Links
import SharedMemory
import Virtio

/// The peer comes and goes. A meeting is always fresh here: an empty page, and every device published anew.
extension HostBackend {
    func peerChanged(_ change: LinkEvents.PeerChange) {
        switch change {
        case .arrived, .resumed:
            if isUp { peerLeft("it came back without having gone") }
            peerArrived()
        case .gone(let reason):
            if isUp { peerLeft(reason) }
        }
    }

    private func peerArrived() {
        let window: MemoryWindow
        do throws(PeerViolation) {
            window = try link.windows(of: .host).window(
                covering: PeerRange(
                    untrustedAddress: link.devicePageAddress, byteCount: UInt64(PageOffset.pageByteCount)))
        } catch {
            return tell(.peerFault, nil, "the meeting left no room for a device page: \(error)")
        }
        publisher = PagePublisher(formatting: window)
        looks.watch(for: settings.watchLimit, from: clock(), settings)
        tell(.linkUp)
        placeWaiting()
    }

    /// Nothing of the meeting counts any more: its windows, and with them every slot, ring and doorbell, are gone.
    func peerLeft(_ reason: String) {
        publisher = nil
        configDoorbell = nil
        looks.stop()
        quarantine = []
        for device in devices {
            let removal = device.removal
            device.removal = nil
            device.endLife()
            device.leavePage()
            device.quarantineCount = 0
            device.state = .waiting
            finishConfigChange(of: device, .peerGone)
            if removal?.purpose == .retire { drop(device) }
            removal?.completions.forEach { $0(.peerGone) }
        }
        tell(.linkDown, nil, reason)
    }

    /// Puts every device that has no place onto the page, as far as there is room.
    func placeWaiting() {
        for device in devices where device.slot == nil {
            switch device.state {
            case .waiting, .noRoom: tryToPlace(device)
            default: continue
            }
        }
    }

    /// As `place`, for a device that is held anyway: without room it waits for some.
    func tryToPlace(_ device: HostDevice) {
        do throws(HostError) {
            try place(device)
        } catch {
            let isNew = device.state != .noRoom
            device.state = .noRoom
            if isNew { tell(.noRoom, device, "\(error)") }
        }
    }
}
