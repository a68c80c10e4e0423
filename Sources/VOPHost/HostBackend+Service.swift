import DevicePage
import Links
import SharedMemory
import Virtio

/// Follows what the guest does with each device. One doorbell serves all its queues, and devices share doorbells, so
/// whoever may have been meant is looked at whole; a spurious ring finds nothing.
extension HostBackend {
    func serviceDevices(rung: DoorbellSet, hasPolled: Bool) {
        let now = clock()
        guard !isSuspended else { return waitForLeavers(now) }
        if !rung.isEmpty || looks.isDue(at: now) {
            looks.looked(at: now, settings)
            lookAtConfigDoorbell()
        }
        // A copy: devices may go meanwhile.
        for device in devices where hasPolled && device.isRunning || isDue(device, rung, now) {
            device.looks.looked(at: now, settings)
            look(at: device)
        }
    }

    /// Nobody is there to serve; who waits for the guest to let go waits no longer than with it.
    private func waitForLeavers(_ now: ContinuousClock.Instant) {
        for device in devices where (device.removal.map { $0.nextCheck <= now } ?? false) {
            advanceRemoval(of: device)
        }
    }

    private func isDue(_ device: HostDevice, _ rung: DoorbellSet, _ now: ContinuousClock.Instant) -> Bool {
        if let slot = device.slot, rung.contains(slot.doorbell) { return true }
        // Its deadline is the present, which by the time it is asked for is later than `now`.
        if device.pendingFault != nil { return true }
        return nextDeadline(of: device).map { $0 <= now } ?? false
    }

    /// Asked before every wait, so it allocates nothing.
    func nextDeadline(of device: HostDevice) -> ContinuousClock.Instant? {
        guard isUp else { return nil }
        guard !isSuspended else { return device.removal?.nextCheck }
        if device.pendingFault != nil { return clock() }
        guard device.slot != nil else {
            return device.state == .needsReset ? device.republishing.notBefore : nil
        }
        return earliest(
            device.looks.nextLook,
            earliest(device.removal?.nextCheck, device.configChange?.handshake.nextCheck))
    }

    /// Looks at everything a guest can have done to a device, in the order in which it must be believed.
    func look(at device: HostDevice) {
        guard let slot = device.slot else { return republish(device) }
        slot.noteTouch()
        advanceConfigChange(of: device)
        guard !slot.page.isRemoved else {
            if device.removal == nil { withdraw(device) }
            device.endLife()
            return advanceRemoval(of: device)
        }
        do throws(DeviceFault) {
            if let fault = device.pendingFault { throw fault }
            try follow(device, slot)
        } catch {
            breakOff(device, because: error)
        }
        advanceRemoval(of: device)
    }

    private func follow(_ device: HostDevice, _ slot: HostSlot) throws(DeviceFault) {
        // A reset first: what else is there may belong to the life that it ends.
        if slot.control.isResetPending { acknowledgeReset(of: device, slot) }
        guard !device.isStopped else {
            // It is served no more, but the guest need not wait for what will not come.
            if slot.control.isUsedAddressPending { slot.control.acknowledgeUsedAddresses() }
            return
        }
        do throws(PeerViolation) {
            if slot.control.isUsedAddressPending { try takeUsedAddresses(of: device, slot) }
            try takeStatus(of: device, slot)
        } catch { throw .peer(error) }
        guard device.isRunning else { return }
        device.model.service()
        if let fault = device.pendingFault { throw fault }
    }

    // MARK: Used addresses (mic-abi 2.4)

    private func takeUsedAddresses(of device: HostDevice, _ slot: HostSlot) throws(PeerViolation) {
        // Cleared whatever comes of it; a guest that is refused finds its device removed.
        defer { slot.control.acknowledgeUsedAddresses() }
        let before = slot.usedAddresses
        try slot.takeUsedAddresses(in: link.windows(of: .guest))
        // Queues that run cannot move; the same once more does no harm.
        guard !device.isRunning || slot.usedAddresses == before else {
            throw .slot(offset: slot.page.offset.rawValue, reason: "used rings moved while the queues run")
        }
    }

    // MARK: Status (mic-abi 2.5)

    private func takeStatus(of device: HostDevice, _ slot: HostSlot) throws(PeerViolation) {
        let written = slot.page.status
        switch device.status.step(to: written) {
        case .unchanged: return
        case .refuse: throw .status(written: written.rawValue, current: device.status.rawValue)
        case .reset: endLife(of: device)
        case .accept(let status):
            device.status = status
            guard !status.contains(.failed) else { return giveUp(device, slot) }
            if status.contains(.featuresOK) { try takeFeatures(of: device, slot) }
            if status.contains(.driverOK) { try start(device, slot) }
        }
    }

    /// The bits the driver accepted, read once in a life.
    private func takeFeatures(of device: HostDevice, _ slot: HostSlot) throws(PeerViolation) {
        guard device.negotiated == nil else { return }
        let accepted = slot.page.acceptedFeatures
        let extra = accepted.subtracting(device.description.offered)
        guard extra.isEmpty else { throw .featuresNotOffered(extra.rawValue) }
        device.negotiated = accepted
    }

    private func start(_ device: HostDevice, _ slot: HostSlot) throws(PeerViolation) {
        guard !device.isRunning else { return }
        try takeFeatures(of: device, slot)
        device.life = UInt64.random(in: 1 ... .max)
        try run(device, slot, isResumed: false)
    }

    /// The queues live, from here on or from where they were.
    func run(_ device: HostDevice, _ slot: HostSlot, isResumed: Bool) throws(PeerViolation) {
        let queues = try slot.activate(
            device.negotiated ?? [], life: device.life, isResumed: isResumed, on: link)
        let line = DriverLine(
            notify: { [weak self, weak device, weak slot] in
                guard let self, let device, let slot else { return }
                self.notifyDriver(of: device, slot)
            },
            broken: { [weak device] in device?.pendingFault = $0 })
        device.line = line
        if device.state == .published { device.state = .running }
        device.looks.stop()
        // Before the first chain is taken.
        writeDown()
        tell(.running, device, isResumed ? "where it was" : "")
        device.model.activate(queues, driver: line)
    }

    func notifyDriver(of device: HostDevice, _ slot: HostSlot) {
        do throws(PeerViolation) {
            if let doorbell = try slot.guestDoorbell(count: link.doorbellCount) { link.notify(doorbell) }
        } catch {
            device.pendingFault = device.pendingFault ?? .peer(error)
        }
    }

    /// FAILED: the driver has given up on the device, and will not touch its queues until it resets.
    private func giveUp(_ device: HostDevice, _ slot: HostSlot) {
        let status = device.status
        stopLife(of: device)
        device.status = status
        tell(.reset, device, "the guest's driver gave up (status failed)")
    }

    // MARK: Reset (mic-abi 2.6)

    /// Stop, zero, and only then answer: what the guest sets up after the answer is not ours to clear any more.
    private func acknowledgeReset(of device: HostDevice, _ slot: HostSlot) {
        endLife(of: device)
        slot.clearRings()
        slot.page.setStatus([])
        slot.control.acknowledgeReset()
    }

    private func endLife(of device: HostDevice) {
        let hadBegun = !device.status.isEmpty
        stopLife(of: device)
        // A guest that unloads resets the device, and marks the slot removed a little later without a doorbell.
        device.looks.watch(for: settings.watchLimit, from: clock(), settings)
        // Drivers reset what they have not touched yet, too.
        guard hadBegun else { return }
        device.resetCount &+= 1
        tell(.reset, device)
    }

    private func stopLife(of device: HostDevice) {
        device.endLife()
        if device.state == .running { device.state = .published }
    }
}
