import DevicePage
import Links
import Virtio

/// From driven to let go of (mic-abi 2.6, 2.8, 2.9). The host is asked to quiesce the device before any memory it
/// was given is used for something else; what it does not answer in time for stays out of use until the link goes.
extension GuestDevice {
    /// Stops driving the device and has the host reset it.
    func reset(for purpose: Purpose) {
        stopDriver()
        switch phase {
        case .gone:
            return
        case .resetting(let handshake, let earlier):
            phase = .resetting(handshake, Self.combined(earlier, purpose))
            return
        case .settingUp(var handshake, _):
            // Takes the request back: at its deadline a handshake ends.
            _ = handshake.advance(now: handshake.deadline)
        case .failed(_, let isAnswerable) where !isAnswerable:
            return finishReset(purpose, .timedOut)
        case .unbound, .running, .failed:
            break
        }
        guard !status.isEmpty else { return finishReset(purpose, .acknowledged) }
        let handshake = Handshake(
            .reset, of: slot, within: backend.settings.limits.reset, now: backend.clock())
        begin(handshake) { .resetting($0, purpose) }
        backend.writeDown()
        advance()
    }

    /// Going away outlasts everything that was asked before.
    private static func combined(_ earlier: Purpose, _ later: Purpose) -> Purpose {
        switch (earlier, later) {
        case (.remove, _), (.unload, .rebind), (.unload, .unbind), (.unload, .unload): earlier
        default: later
        }
    }

    func finishReset(_ purpose: Purpose, _ outcome: HandshakeOutcome) {
        negotiated = nil
        if outcome == .acknowledged {
            freeMemory()
            setStatusSilently([])
            phase = .unbound
            backend.writeDown()
        } else {
            let reason = "the host did not answer the reset within \(backend.settings.limits.reset)"
            quarantineMemory(reason)
            phase = .failed(reason, isAnswerable: false)
        }
        switch purpose {
        case .rebind(let kind):
            if case .unbound = phase { bind(kind) } else { tellFailure() }
        case .unbind:
            if case .unbound = phase { backend.tell(.unbound, name) } else { tellFailure() }
        case .remove:
            letGo()
            backend.tell(.removed, name)
        case .unload:
            letGo()
            slot.control.finishUnload()
            backend.tell(.removed, name, "the guest goes down")
        }
    }

    private func tellFailure() {
        if case .failed(let reason, _) = phase { backend.tell(.failed, name, reason) }
    }

    private func letGo() {
        slot.letGo()
        ring()
        backend.link.releaseDoorbell(ownDoorbell)
        phase = .gone
        backend.writeDown()
    }

    /// The host took it away without asking, or another device is in its place: nothing is written there any more.
    func vanish() {
        stopDriver()
        quarantineMemory("the host removed the device without asking")
        backend.link.releaseDoorbell(ownDoorbell)
        phase = .gone
        backend.writeDown()
        backend.tell(.removed, name, "without asking")
    }

    /// The link is gone, and all its memory with it.
    func linkGone() {
        stopDriver()
        phase = .gone
    }
}
