import DevicePage
import Links
import SharedMemory
import Virtio

/// The meeting before goes on. Where this process was in it, everything is as it was; where it was killed, it takes the
/// page over by what it wrote down, and a device that ran goes on where it was, without a reset.
extension HostBackend {
    func peerResumed() {
        if isUp, meetingID == link.meetingID {
            isSuspended = false
        } else {
            if isUp { peerLeft("another meeting was resumed") }
            guard takeOver() else {
                publisher = nil
                quarantine = []
                for device in devices { device.leavePage() }
                tell(
                    .recordFault, nil, "what was written down of the page does not fit the meeting: met anew")
                return link.startOver()
            }
        }
        looks.watch(for: settings.watchLimit, from: clock(), settings)
        tell(.linkResumed)
        for device in devices where device.slot != nil { look(at: device) }
        placeWaiting()
        ringEverything()
    }

    /// Bells rung while the two were apart are lost.
    private func ringEverything() {
        lookAtConfigDoorbell()
        if let configDoorbell { link.ring(configDoorbell) }
        for device in devices {
            guard let slot = device.slot, device.isRunning else { continue }
            notifyDriver(of: device, slot)
        }
    }

    // MARK: After a kill

    /// - Returns: false when what was written down does not fit; then some of it may have been taken.
    private func takeOver() -> Bool {
        guard let path = settings.recordPath, let record = PageRecord.read(from: path),
            record.meetingID == link.meetingID, let window = pageWindow
        else { return false }
        let places = record.slots.map { slot in
            PagePlace(offset: slot.offset, shape: slot.shape, isQuarantined: slot.isQuarantined)
        }
        guard let adopted = PagePublisher(adopting: window, places) else { return false }
        publisher = consume adopted
        meetingID = record.meetingID
        for (slot, place) in zip(record.slots, places) {
            guard takeOver(slot, place, window) else { return false }
        }
        return true
    }

    private func takeOver(_ record: PageRecord.Slot, _ place: PagePlace, _ page: MemoryWindow) -> Bool {
        guard let slot = hostSlot(record, place, page) else { return false }
        guard let device = devices.first(where: { $0.name == record.name && $0.fits(record) }) else {
            // Taken away, or changed, when its host was killed: as if its guest had not let go.
            publisher?.quarantine(slot.page)
            quarantine.append(slot)
            return true
        }
        device.slot = slot
        device.state = .published
        // An answer to a command of before may still come.
        device.owesAcknowledgement = true
        device.looks.watch(for: settings.watchLimit, from: clock(), settings)
        guard slot.page.type == Int8(bitPattern: record.type) else {
            // Not shown yet, or not any more: it rests, and is published again.
            publisher?.mark(removed: slot.page)
            return true
        }
        slot.takeUsedAddressesAgain(record.rings.map(\.usedAddress), in: link.windows(of: .guest))
        let goesOn =
            record.life != 0 && !slot.control.isResetPending && device.model.remembers(life: record.life)
        if goesOn { goOn(device, slot, record) }
        return true
    }

    private func goOn(_ device: HostDevice, _ slot: HostSlot, _ record: PageRecord.Slot) {
        device.status = DeviceStatus(rawValue: record.status)
        device.negotiated = FeatureSet(rawValue: record.negotiated)
        device.life = record.life
        do throws(PeerViolation) {
            try run(device, slot, isResumed: true)
        } catch { device.pendingFault = .peer(error) }
    }

    /// Its rings and doorbell are ours again.
    private func hostSlot(_ record: PageRecord.Slot, _ place: PagePlace, _ page: MemoryWindow) -> HostSlot? {
        guard let doorbell = DoorbellNumber(rawValue: Int(record.doorbell)), link.reclaimDoorbell(doorbell),
            let type = DeviceType(rawValue: record.type)
        else { return nil }
        var rings: [HostSlot.Ring] = []
        for ring in record.rings {
            do throws(PeerViolation) {
                let layout = RingRegionLayout(size: try QueueSize(untrusted: UInt32(ring.size)))
                let region = try PeerRange(
                    untrustedAddress: ring.address, byteCount: UInt64(layout.regionByteCount))
                let window = try link.windows(of: .host).window(covering: region)
                guard link.reclaim(region) else { return nil }
                rings.append(HostSlot.Ring(layout: layout, region: region, window: window))
            } catch { return nil }
        }
        return HostSlot(DeviceSlot(at: place, in: page), type: type, doorbell: doorbell, rings: rings)
    }
}

extension PageRecord.Slot {
    var shape: SlotShape {
        SlotShape(
            queueCount: queueCount, featureByteCount: featureByteCount, configByteCount: configByteCount)
    }
}

extension HostDevice {
    /// What was on the page under its name is the same device still.
    func fits(_ record: PageRecord.Slot) -> Bool {
        slot == nil && state == .waiting && description.type.rawValue == record.type
            && description.shape == record.shape
            && description.queueSizes.map(\.rawValue) == record.rings.map(\.size)
    }
}
