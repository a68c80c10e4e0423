public import Links

/// Something that happened on a host's link.
public typealias HostEvent = BackendEvent<HostEventKind>

public enum HostEventKind: String, BackendEventKind {
    /// The two sides met; the page is formatted and every device is on it.
    case linkUp = "link-up"
    /// The two met again, and go on where they were.
    case linkResumed = "link-resumed"
    /// The peer went; running devices stopped, or wait for it to come back.
    case linkDown = "link-down"
    /// What a link says on its way to a meeting: who came, who was refused and why.
    case linkNote = "link-note"
    /// A device's slot became visible to the guest.
    case published
    /// The page or the link's memory has no room for it.
    case noRoom = "no-room"
    /// The guest's driver is there (DRIVER_OK).
    case running
    /// The guest reset the device.
    case reset
    /// The guest broke a rule, or the device gave up: it stopped serving and is taken off the page.
    case needsReset = "needs-reset"
    /// The guest marked the slot removed itself, as it does when its driver unloads.
    case withdrawn
    /// The slot is gone and its memory is free.
    case retired
    /// The guest did not let go in time: slot, rings and doorbell stay out of use until the link goes.
    case quarantined
    /// The guest has read its config space anew.
    case configAcknowledged = "config-acknowledged"
    /// It has not, in time.
    case configTimedOut = "config-timed-out"
    /// A rule the guest broke that costs no device: a config doorbell out of range.
    case peerFault = "peer-fault"
    /// What a successor of this process would need cannot be written down, or does not fit the meeting.
    case recordFault = "record-fault"

    /// What a guest can make happen as often as it likes.
    public var isPeerDriven: Bool {
        switch self {
        case .running, .reset, .needsReset, .withdrawn, .published, .retired, .quarantined, .peerFault: true
        case .linkUp, .linkResumed, .linkDown, .linkNote: true
        case .noRoom, .configAcknowledged, .configTimedOut, .recordFault: false
        }
    }
}
