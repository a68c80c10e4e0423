import DevicePage
import Links
import SharedMemory
import Virtio

/// The peer comes and goes. A fresh meeting begins with an empty page, and every device is published anew; while a meeting
/// may be resumed everything stays as it is.
extension HostBackend {
    func peerChanged(_ change: LinkEvents.PeerChange) {
        switch change {
        case .arrived:
            if isUp { peerLeft("it came back for a fresh meeting") }
            peerArrived()
        case .resumed: peerResumed()
        case .gone(let reason):
            guard isUp else { return }
            if link.mayResume { suspend(reason) } else { peerLeft(reason) }
        }
    }

    /// The guest was killed, perhaps, and may come back to its devices: their queues live on, and what backends give
    /// back it will find.
    private func suspend(_ reason: String) {
        isSuspended = true
        looks.stop()
        tell(.linkDown, nil, "\(reason); its devices stay as they are until it comes back")
    }

    var pageWindow: MemoryWindow? {
        do throws(PeerViolation) {
            return try link.windows(of: .host).window(
                covering: PeerRange(
                    untrustedAddress: link.devicePageAddress, byteCount: UInt64(PageOffset.pageByteCount)))
        } catch {
            tell(.peerFault, nil, "the meeting left no room for a device page: \(error)")
            return nil
        }
    }

    private func peerArrived() {
        guard let window = pageWindow else { return }
        publisher = PagePublisher(formatting: window)
        meetingID = link.meetingID
        writeDown()
        looks.watch(for: settings.watchLimit, from: clock(), settings)
        tell(.linkUp)
        placeWaiting()
    }

    /// Nothing of the meeting counts any more: its windows, and with them every slot, ring and doorbell, are gone.
    func peerLeft(_ reason: String) {
        publisher = nil
        isSuspended = false
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
        guard isMet else { return }
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
