import DevicePage
import Links
import LinuxSystem
import SharedMemory
import Virtio

/// A meeting goes on. Where the host was killed, everything here is as it was; where this process was, it takes its
/// devices up again by what it wrote down, and one that ran goes on where it was, without a reset.
extension GuestBackend {
    // MARK: The host is away

    func peerGone(_ reason: String) {
        guard meetingID != 0, link.mayResume, !isUnloading else { return peerLeft(reason) }
        context.isSuspended = true
        suspensionEnd = context.clock() + settings.resumptionLimit
        context.tell(
            .linkDown, nil,
            "\(reason); its devices stay as they are until it comes back (for \(settings.resumptionLimit))")
    }

    func giveUpInTime() {
        guard let end = suspensionEnd, end <= context.clock() else { return }
        forgetAbsentHost()
    }

    /// Lets go of the devices of a host that is away, which may be asked nothing; the next meeting is fresh.
    public func forgetAbsentHost() {
        guard context.isSuspended else { return }
        peerLeft("the host did not come back")
        link.startOver()
    }

    // MARK: It is back

    func peerResumed() {
        context.isSuspended = false
        suspensionEnd = nil
        if meetingID == 0 || meetingID != link.meetingID {
            if meetingID != 0 { peerLeft("another meeting was resumed") }
            guard takeOver() else {
                peerLeft("what was written down does not fit")
                context.tell(
                    .recordFault, nil,
                    "what was written down of the devices does not fit the meeting: met anew")
                return link.startOver()
            }
            writeDown()
        }
        context.tell(.linkResumed)
        for device in devices { device.hostIsBack() }
        scan()
    }

    // MARK: After a kill of this process

    /// - Returns: false when nothing may be believed; then some of it may have been taken.
    private func takeOver() -> Bool {
        guard let path = recordPath, let record = DevicesRecord.read(from: path),
            record.meetingID == link.meetingID, record.quarantined.allSatisfy(link.reclaim),
            record.devices.allSatisfy({ $0.memory.allSatisfy(link.reclaim) })
        else { return false }
        meetingID = record.meetingID
        context.quarantined = record.quarantined
        guard let number = record.doorbell else {
            awaitPage()
            return true
        }
        guard let doorbell = DoorbellNumber(rawValue: Int(number)), link.reclaimDoorbell(doorbell),
            let window = pageWindow
        else { return false }
        let page = DevicePage(window)
        self.page = .present(page, configDoorbell: doorbell)
        let entries = page.snapshot().devices
        for known in record.devices {
            guard let own = DoorbellNumber(rawValue: Int(known.doorbell)), link.reclaimDoorbell(own) else {
                return false
            }
            takeOver(known, own, entries.first { known.isAbout($0) }, page)
            KillPoint.reach(.inTakeOver)
        }
        return true
    }

    var pageWindow: MemoryWindow? {
        do throws(PeerViolation) {
            return try link.windows(of: .host).window(
                covering: PeerRange(
                    untrustedAddress: link.devicePageAddress, byteCount: UInt64(PageOffset.pageByteCount)))
        } catch { return nil }
    }

    private func takeOver(
        _ known: DevicesRecord.Device, _ doorbell: DoorbellNumber, _ entry: DeviceEntry?, _ page: DevicePage
    ) {
        guard let entry else {
            // Taken away without asking, or another stands there: it may still be written to.
            link.releaseDoorbell(doorbell)
            context.quarantined += known.memory
            context.tell(.removed, known.name, "while no guest was here")
            return
        }
        var hostDoorbell: DoorbellNumber?
        do throws(PeerViolation) {
            hostDoorbell = try DoorbellNumber(
                untrusted: entry.control.guestToHostDoorbell, count: link.doorbellCount)
        } catch {}
        let device = GuestDevice(
            entry, page.slot(of: entry), name: known.name, hostDoorbell: hostDoorbell, ownDoorbell: doorbell,
            backend: context)
        devices.append(device)
        guard device.isStillThere else { return device.vanish() }
        device.takeOver(known, drivers.first { $0.name == known.driver && $0.type == entry.type })
    }
}

extension DevicesRecord.Device {
    /// What the page shows is the device that was written down.
    func isAbout(_ entry: DeviceEntry) -> Bool {
        entry.offset.rawValue == offset && entry.type.rawValue == type && entry.shape == shape
            && entry.offered.rawValue == offered
            && entry.queues.map(\.address) == queues.map(\.address)
            && entry.queues.map(\.statedSize) == queues.map(\.statedSize)
    }
}

extension GuestDevice {
    /// Takes the device up as an earlier process left it. What cannot go on is reset.
    func takeOver(_ known: DevicesRecord.Device, _ kind: GuestDriverKind?) {
        memory = DeviceMemory(backend.link, ranges: known.memory)
        usedAddresses = known.queues.map(\.usedAddress)
        restore(DeviceStatus(rawValue: known.status), FeatureSet(rawValue: known.negotiated))
        switch known.standing {
        case .unbound: return
        case .lost:
            phase = .failed("the host did not answer an earlier guest", isAnswerable: false)
        case .bound:
            guard let kind else { return reset(for: .unbind) }
            guard known.life != 0, !slot.control.isResetPending, goOn(kind, life: known.life) else {
                // A set-up that was under way is taken back.
                slot.control.acknowledgeUsedAddresses()
                return reset(for: .rebind(kind))
            }
            backend.tell(.resumed, name, "driver \(kind.name)")
        }
    }

    private func goOn(_ kind: GuestDriverKind, life: UInt64) -> Bool {
        do {
            try takeUpQueues()
            let earlier = try memory.buffers(after: queues.count)
            guard let driver = try kind.resume(BoundDevice(self, life: life, earlier: earlier)) else {
                return false
            }
            try run(kind, driver, life: life)
            return true
        } catch {
            backend.tell(.recordFault, name, "it cannot go on, and is reset (\(error))")
            return false
        }
    }
}
