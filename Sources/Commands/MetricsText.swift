/// Numbers in the text form of OpenMetrics 1.0, which Prometheus and node_exporter's textfile collector read too.
///
/// ```
///   # HELP vop_link_doorbells Doorbells between the two sides.
///   # TYPE vop_link_doorbells counter
///   vop_link_doorbells_total{link="ep0",direction="sent"} 17
///   …
///   # EOF
/// ```
/// Labels have few values: places, devices, queues, and words of our own.
public struct MetricsText<Family: MetricFamily> {
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

/// What a program counts, by the names it has in the text, in their order there.
public protocol MetricFamily: CaseIterable, Hashable, RawRepresentable<String>, Sendable {
    var kind: MetricKind { get }
    var help: String { get }
}

public enum MetricKind: String, Sendable {
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
