internal import CVOP

/// The answering halves of the handshakes; the asking halves are `Handshake`.
///
/// ```
///   asks                      request byte               answers                     takes back
///   host:  config change      config_change = 2          guest: guest_ack = 1        host: config_change, guest_ack
///   host:  hot remove         config_change = 1          guest: type −1, guest_ack   host: the same
///   guest: used addresses     used_address_updated = 1   host:  the byte back to 0
///   guest: reset              vdev_reset = 1             host:  the byte to 0, host_ack = 1
/// ```
extension ControlBlock {
    // MARK: Guest

    /// Guest: what the host asks and has not been answered yet.
    ///
    /// `config_change` is read again after `guest_ack`: the host takes back the first before the second, so a
    /// `guest_ack` of 0 that belongs to a command being taken back comes with a `config_change` of 0.
    public func pendingCommand() -> Command? {
        guard load(.configChange) != 0, load(.guestAcknowledge) == 0 else { return nil }
        return Command(rawValue: load(.configChange))
    }

    /// Guest: the driver was told of the changed config space.
    public func acknowledgeConfigChange() { store(1, to: .guestAcknowledge) }

    /// Guest, as its driver unloads by itself: marks the slot as if the host had asked, so that a host that looks now
    /// knows why. `DeviceSlot.letGo` and `finishUnload` follow.
    public func beginUnload() { store(Command.remove.rawValue, to: .configChange) }

    /// Guest: takes back what `beginUnload` and `letGo` set.
    public func finishUnload() {
        store(0, to: .configChange)
        store(0, to: .guestAcknowledge)
    }

    // MARK: Host

    /// Host: the guest has written every `used_address` and waits for them to be mapped.
    public var isUsedAddressPending: Bool { load(.usedAddressUpdated) != 0 }

    /// Host: they are mapped.
    public func acknowledgeUsedAddresses() { store(0, to: .usedAddressUpdated) }

    /// Host: the guest wants the device quiesced and reset.
    public var isResetPending: Bool { load(.resetRequest) != 0 }

    /// Host: no queue of the device is touched any more and all its cursors are zero. Comes last, unlike the
    /// original, whose guest could be setting up rings that the host was still clearing.
    public func acknowledgeReset() {
        store(0, to: .resetRequest)
        store(1, to: .hostAcknowledge)
    }
}
