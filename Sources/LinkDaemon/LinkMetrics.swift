public import Commands

public typealias LinkMetricsText = MetricsText<LinkMetric>

/// What one side of a link counts, for readers on any thread.
public protocol LinkMetrics: AnyObject, Sendable {
    func write(to text: inout LinkMetricsText, link: String)
}

/// What a daemon counts.
public enum LinkMetric: String, MetricFamily {
    case build = "vop_build"
    case links = "vop_link_up"
    case linkEvents = "vop_link_events"
    case crossings = "vop_link_crossings"
    case crossingBytes = "vop_link_crossing_bytes"
    case doorbells = "vop_link_doorbells"
    case waits = "vop_link_waits"
    case wakeUps = "vop_link_wake_ups"
    case refusedRequests = "vop_refused_requests"
    case devices = "vop_device_running"
    case chainsSubmitted = "vop_queue_chains_submitted"
    case chainsTaken = "vop_queue_chains_taken"
    case chainsCompleted = "vop_queue_chains_completed"
    case queueBytes = "vop_queue_bytes"
    case redeliveries = "vop_queue_redeliveries"
    case notifications = "vop_queue_notifications"

    public var kind: MetricKind {
        switch self {
        case .build: .info
        case .links, .devices: .gauge
        default: .counter
        }
    }

    public var help: String {
        switch self {
        case .build: "Which program this is."
        case .links: "Whether the link has its peer."
        case .linkEvents: "What happened on the link, as events has it; those that were too many to tell too."
        case .crossings: "Accesses of this side to the other side's memory."
        case .crossingBytes: "Bytes of those accesses."
        case .doorbells:
            "Doorbells between the two sides; spared are those not rung, as the other side was looking."
        case .waits:
            "Waits of the link's thread: slept; looked at the rings, and found something or looked in vain."
        case .wakeUps: "How often the link's thread was woken."
        case .refusedRequests: "Requests to the tree that were refused with a reason."
        case .devices: "Whether a driver drives the device."
        case .chainsSubmitted: "Descriptor chains shown to the device."
        case .chainsTaken: "Descriptor chains taken from the driver."
        case .chainsCompleted: "Descriptor chains given back to the driver."
        case .queueBytes: "Bytes copied from the driver's buffers (read) and into them (written)."
        case .redeliveries: "Chains delivered to a backend again."
        case .notifications: "Notifications of the other role: sent, or not wanted by it (suppressed)."
        }
    }
}
