/// What a host asks before it gives a removed slot's place away.
extension ControlBlock {
    /// Host: `guest_ack` is set. A guest that marks its slot removed acknowledges just before or just after; only
    /// when both are there does it write here no more.
    public var isCommandAcknowledged: Bool { load(.guestAcknowledge) != 0 }
}
