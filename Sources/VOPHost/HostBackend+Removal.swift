import DevicePage
import Links
import Virtio

/// Taking devices off the page (mic-abi 2.8): ask, go on serving, wait for the guest to let go, free; or, when it does
/// not, keep what it may still write to out of use.
extension HostBackend {
    func beginRemoval(
        of device: HostDevice, for purpose: Removal.Purpose, within limit: Duration?,
        _ completion: ((RemovalOutcome) -> Void)? = nil
    ) {
        guard let slot = device.slot else { return }
        if purpose == .retire { device.state = .retiring }
        if device.removal != nil {
            if purpose == .retire { device.removal?.purpose = .retire }
            if let limit { device.removal?.hurry(by: clock().advanced(by: limit)) }
        } else {
            finishConfigChange(of: device, .removed)
            lookAtConfigDoorbell()
            let limit = limit ?? removalLimit(of: device, slot)
            device.removal = Removal(purpose, of: slot.page, within: limit, now: clock())
        }
        if let completion { device.removal?.completions.append(completion) }
        advanceRemoval(of: device)
    }

    /// Shorter where nobody seems to use the device, so that nobody waits for a guest that is not there.
    private func removalLimit(of device: HostDevice, _ slot: HostSlot) -> Duration {
        slot.noteTouch()
        let isUsed = configDoorbell != nil && slot.page.status.contains(.driver)
        return isUsed ? settings.removalLimit : min(settings.unusedRemovalLimit, settings.removalLimit)
    }

    func advanceRemoval(of device: HostDevice) {
        guard let slot = device.slot, var removal = device.removal else { return }
        if !isSuspended { lookAtConfigDoorbell() }
        let outcome = removal.advance(
            slot.page, now: clock(), rest: settings.slotReleaseLimit, isUnloading: configDoorbell == nil)
        if removal.takeRing(), let configDoorbell { link.ring(configDoorbell) }
        device.removal = removal
        switch outcome {
        case .pending: return
        case .acknowledged, .peerGone: finishRemoval(of: device, slot, .released)
        case .timedOut:
            slot.noteTouch()
            finishRemoval(of: device, slot, slot.isTouched ? .quarantined : .released)
        }
    }

    private func finishRemoval(of device: HostDevice, _ slot: HostSlot, _ outcome: RemovalOutcome) {
        let removal = device.removal
        device.removal = nil
        device.endLife()
        device.leavePage()
        if outcome == .quarantined { quarantine(slot, of: device) } else { release(slot) }
        if removal?.purpose == .retire {
            drop(device)
            if outcome == .released { tell(.retired, device) }
        } else {
            waitToRepublish(device)
        }
        removal?.completions.forEach { $0(outcome) }
    }

    private func quarantine(_ slot: HostSlot, of device: HostDevice) {
        publisher?.quarantine(slot.page)
        quarantine.append(slot)
        writeDown()
        device.quarantineCount += 1
        tell(
            .quarantined, device,
            "the guest did not let go in time; its rings stay out of use until the link goes")
    }

    // MARK: The guest lets go by itself (mic-abi 2.9)

    /// The guest's driver unloads: it has marked the slot, and may be about to take back its other marks. So the
    /// place rests a while; then the device is on the page again, for the next driver.
    func withdraw(_ device: HostDevice) {
        device.endLife()
        device.isStopped = true
        device.state = .needsReset
        finishConfigChange(of: device, .removed)
        device.removal = Removal(republishingAfter: clock().advanced(by: settings.slotReleaseLimit))
        tell(.withdrawn, device)
    }

    // MARK: Needs reset

    /// The device stops serving, goes off the page and comes back, later each time its guest breaks it again.
    func breakOff(_ device: HostDevice, because fault: DeviceFault) {
        device.pendingFault = nil
        device.lastFault = fault
        device.endLife()
        device.isStopped = true
        if device.state != .retiring { device.state = .needsReset }
        if fault != .requested { device.republishing.postpone(from: clock(), settings) }
        tell(.needsReset, device, fault.description)
        beginRemoval(of: device, for: .republish, within: nil)
    }

    private func waitToRepublish(_ device: HostDevice) {
        guard device.quarantineCount < settings.quarantineMaximum else {
            device.state = .quarantined
            return
        }
        device.state = .needsReset
        republish(device)
    }

    /// Publishes a device again that was taken off, if its time has come.
    func republish(_ device: HostDevice) {
        guard shutdown == nil, isMet, device.state == .needsReset, device.slot == nil else {
            return
        }
        if let notBefore = device.republishing.notBefore, clock() < notBefore { return }
        tryToPlace(device)
    }
}
