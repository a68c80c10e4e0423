public import Links

/// Something that happened on a guest's link.
public typealias GuestEvent = BackendEvent<GuestEventKind>

public enum GuestEventKind: String, BackendEventKind {
    /// The two sides met.
    case linkUp = "link-up"
    /// They met again, and the meeting before goes on: devices are as they were.
    case linkResumed = "link-resumed"
    /// The peer went; all devices are gone, or wait for it as the detail says.
    case linkDown = "link-down"
    /// What a link says on its way to a meeting.
    case linkNote = "link-note"
    /// The host's page is there.
    case pageFound = "page-found"
    /// It is not, in time; it is looked for further on.
    case pageMissing = "page-missing"
    /// It cannot be walked to its end.
    case pageBroken = "page-broken"
    /// A device appeared on the page.
    case found
    /// A driver drives it.
    case bound
    /// Its driver has let go.
    case unbound
    /// It is not driven any more; the detail says why.
    case failed
    /// Its driver goes on where an earlier process was with it.
    case resumed
    /// What is to outlive this process cannot be written down, or what was written down does not fit; the detail says
    /// what comes of it.
    case recordFault = "record-fault"
    /// The host has changed its config space.
    case configChanged = "config-changed"
    /// It is not there any more: the host removed it, or we go.
    case removed
    /// The host did not answer, or removed it without asking: memory it may still write to stays out of use until
    /// the link goes.
    case quarantined

    /// What a host can make happen as often as it likes.
    public var isPeerDriven: Bool {
        switch self {
        case .found, .bound, .unbound, .failed, .configChanged, .removed, .quarantined, .pageBroken: true
        case .linkUp, .linkResumed, .linkDown, .linkNote, .pageFound, .resumed: true
        case .pageMissing, .recordFault: false
        }
    }
}
