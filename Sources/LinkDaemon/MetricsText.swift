/// Numbers in the text form of OpenMetrics 1.0, which Prometheus and node_exporter's textfile collector read too.
///
/// ```
///   # HELP vop_link_doorbells Doorbells between the two sides.
///   # TYPE vop_link_doorbells counter
///   vop_link_doorbells_total{link="ep0",direction="sent"} 17
///   …
///   # EOF
/// ```
/// Labels have few values: links, devices, queues, and words of our own.
public struct MetricsText {
    /// What is counted; in the order of the text.
    public enum Family: String, CaseIterable, Sendable {
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
        case chainsTaken = "vop_queue_chains_taken"
        case chainsCompleted = "vop_queue_chains_completed"
        case queueBytes = "vop_queue_bytes"
        case redeliveries = "vop_queue_redeliveries"
        case notifications = "vop_queue_notifications"

        enum Kind: String {
            case counter
            case gauge
            case info

            /// What a sample's name has behind its family's.
            var suffix: String {
                switch self {
                case .counter: "_total"
                case .gauge: ""
                case .info: "_info"
                }
            }
        }

        var kind: Kind {
            switch self {
            case .build: .info
            case .links, .devices: .gauge
            default: .counter
            }
        }

        var help: String {
            switch self {
            case .build: "Which program this is."
            case .links: "Whether the link has its peer."
            case .linkEvents:
                "What happened on the link, as events has it; those that were too many to tell too."
            case .crossings: "Accesses of this side to the other side's memory."
            case .crossingBytes: "Bytes of those accesses."
            case .doorbells:
                "Doorbells between the two sides; spared are those not rung, as the other side was looking."
            case .waits:
                "Waits of the link's thread: slept; looked at the rings, and found something or looked in vain."
            case .wakeUps: "How often the link's thread was woken."
            case .refusedRequests: "Requests to the tree that were refused with a reason."
            case .devices: "Whether a driver drives the device."
            case .chainsTaken: "Descriptor chains taken from the driver."
            case .chainsCompleted: "Descriptor chains given back to it."
            case .queueBytes: "Bytes copied from the driver's buffers (read) and into them (written)."
            case .redeliveries: "Chains delivered to a backend again."
            case .notifications: "Used-buffer notifications: sent, or not wanted by the driver (suppressed)."
            }
        }
    }

    private var samples: [Family: [String]] = [:]

    public init() {}

    public mutating func add(
        _ family: Family, _ labels: KeyValuePairs<String, String>, _ value: some BinaryInteger
    ) {
        let words = labels.map { "\($0.key)=\"\(Self.escaped($0.value))\"" }.joined(separator: ",")
        samples[family, default: []].append(
            "\(family.rawValue)\(family.kind.suffix)\(words.isEmpty ? "" : "{\(words)}") \(value)")
    }

    private static func escaped(_ text: String) -> String {
        text.reduce(into: "") {
            $0 += $1 == "\\" ? "\\\\" : $1 == "\"" ? "\\\"" : $1 == "\n" ? "\\n" : "\($1)"
        }
    }

    /// Every family that has a sample.
    public var text: String {
        var lines: [String] = []
        for family in Family.allCases {
            guard let samples = samples[family] else { continue }
            lines.append("# HELP \(family.rawValue) \(family.help)")
            lines.append("# TYPE \(family.rawValue) \(family.kind.rawValue)")
            lines += samples
        }
        return (lines + ["# EOF"]).joined(separator: "\n")
    }
}

/// What one side of a link counts, for readers on any thread.
public protocol LinkMetrics: AnyObject, Sendable {
    func write(to text: inout MetricsText, link: String)
}
