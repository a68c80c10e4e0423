import DevicePage

/// Going down (mic-abi 2.10): every device is reset and taken off the page, all at the same time and by one deadline.
extension HostBackend {
    struct Shutdown {
        var completions: [() -> Void]
    }

    /// Takes every device off the page for good, without draining. Afterwards the page is as it was at first, and the
    /// link may be stopped.
    ///
    /// - Parameter completion: called once nothing is left, `settings.shutdownLimit` from now at the latest.
    public func shutDown(completion: @escaping () -> Void = {}) {
        if shutdown != nil {
            shutdown?.completions.append(completion)
        } else {
            // Nobody is there to let go of anything.
            if isSuspended { peerLeft("the host goes down while its guest is away") }
            shutdown = Shutdown(completions: [completion])
            for device in devices { takeDown(device) }
        }
        finishShutdownIfDone()
    }

    public var isShuttingDown: Bool { shutdown != nil }

    private func takeDown(_ device: HostDevice) {
        guard let slot = device.slot else { return drop(device) }
        device.endLife()
        slot.clearRings()
        slot.page.setStatus([])
        slot.control.acknowledgeReset()
        device.isStopped = true
        beginRemoval(of: device, for: .retire, within: shutdownLimit(of: slot))
    }

    private func shutdownLimit(of slot: HostSlot) -> Duration {
        lookAtConfigDoorbell()
        let isUsed = configDoorbell != nil && slot.isTouched
        return isUsed ? settings.shutdownLimit : min(settings.unusedRemovalLimit, settings.shutdownLimit)
    }

    func finishShutdownIfDone() {
        guard devices.isEmpty, let done = shutdown else { return }
        guard !done.completions.isEmpty else { return }
        shutdown = Shutdown(completions: [])
        if quarantine.isEmpty { publisher?.format() }
        done.completions.forEach { $0() }
    }
}
