import DevicePage
import Links

/// Config changes (mic-abi 2.7): bytes, command, doorbell; the guest's answer is waited for by a deadline, while
/// everything else goes on.
extension HostBackend {
    func tellConfigChange(
        of device: HostDevice, from before: [UInt8], _ completion: @escaping (ConfigChangeOutcome) -> Void
    ) {
        guard let slot = device.slot, device.removal == nil, !slot.page.isRemoved else {
            return completion(.unheard)
        }
        slot.writeConfig(device.configSpace, over: before)
        lookAtConfigDoorbell()
        guard configDoorbell != nil else { return completion(.unheard) }
        // A change on top of one that is not answered yet: one answer, to a question asked anew, is good for both.
        let earlier = device.configChange
        device.configChange = ConfigChange(
            handshake: Handshake(
                .configChange, of: slot.page, within: settings.configChangeLimit, now: clock()),
            mayBeEarly: earlier != nil || device.owesAcknowledgement,
            completions: (earlier?.completions ?? []) + [completion])
        advanceConfigChange(of: device)
    }

    func advanceConfigChange(of device: HostDevice) {
        guard var change = device.configChange, let slot = device.slot else { return }
        let outcome = change.handshake.advance(now: clock())
        if change.handshake.takeRing(), let configDoorbell { link.ring(configDoorbell) }
        device.configChange = change
        switch outcome {
        case .pending: return
        case .acknowledged where change.mayBeEarly:
            // That may have been the answer to an earlier command. There is none after it, so the next one counts.
            askAgain(device, slot, change)
        case .acknowledged:
            device.owesAcknowledgement = false
            finishConfigChange(of: device, .acknowledged)
            tell(.configAcknowledged, device)
        case .timedOut, .peerGone:
            device.owesAcknowledgement = true
            finishConfigChange(of: device, .timedOut)
            tell(.configTimedOut, device, "no answer within \(settings.configChangeLimit)")
        }
    }

    private func askAgain(_ device: HostDevice, _ slot: HostSlot, _ change: ConfigChange) {
        let now = clock()
        device.configChange = ConfigChange(
            handshake: Handshake(
                .configChange, of: slot.page, within: max(.zero, change.handshake.deadline - now), now: now),
            mayBeEarly: false, completions: change.completions)
        advanceConfigChange(of: device)
    }

    func finishConfigChange(of device: HostDevice, _ outcome: ConfigChangeOutcome) {
        guard let change = device.configChange else { return }
        device.configChange = nil
        change.completions.forEach { $0(outcome) }
    }
}
