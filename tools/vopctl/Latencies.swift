import DevicePage

/// How long round trips took, put together from reports: in nanoseconds.
struct Latencies {
    private(set) var count: UInt64 = 0
    private var sum: UInt64 = 0
    private(set) var least: UInt64?
    private(set) var most: UInt64 = 0
    private var buckets: [UInt64: UInt64] = [:]

    mutating func add(_ report: ExerciseReport) {
        let rounds = report.number("rounds")
        guard rounds > 0 else { return }
        count += rounds
        sum += report.number("sum_ns")
        least = min(least ?? .max, report.number("least_ns"))
        most = max(most, report.number("most_ns"))
        for bucket in report.all("bucket") where bucket.count == 2 {
            buckets[ExerciseReport.number(bucket[0]), default: 0] += ExerciseReport.number(bucket[1])
        }
    }

    var average: UInt64 { count == 0 ? 0 : sum / count }

    /// The lower bound of the bucket in which that part of all lies.
    func quantile(_ part: Double) -> UInt64 {
        var passed: UInt64 = 0
        for (bound, number) in ordered {
            passed += number
            if Double(passed) >= part * Double(count) { return max(bound, least ?? 0) }
        }
        return most
    }

    var ordered: [(bound: UInt64, count: UInt64)] {
        buckets.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    var json: JSONValue {
        .object([
            "count": .number(Int(clamping: count)), "least_ns": .number(Int(clamping: least ?? 0)),
            "average_ns": .number(Int(clamping: average)), "most_ns": .number(Int(clamping: most)),
            "median_ns": .number(Int(clamping: quantile(0.5))),
            "p99_ns": .number(Int(clamping: quantile(0.99))),
            "histogram": .array(
                ordered.map {
                    .object([
                        "from_ns": .number(Int(clamping: $0.bound)),
                        "count": .number(Int(clamping: $0.count)),
                    ])
                }),
        ])
    }

    /// One line, and a bar for each bucket.
    func text(_ options: GlobalOptions) -> String {
        guard count > 0 else { return "" }
        let summary =
            "least \(Self.time(least ?? 0)), median \(Self.time(quantile(0.5))), average \(Self.time(average)), "
            + "99% \(Self.time(quantile(0.99))), most \(Self.time(most))\n"
        let longest = ordered.map(\.count).max() ?? 1
        let rows = ordered.map { bound, number in
            [
                Self.time(bound), "\(number)",
                String(repeating: "#", count: Int(max(1, number * 40 / longest))),
            ]
        }
        return summary + "\n"
            + Tables.text([.right("FROM"), .right("COUNT"), .left("")], rows, options, ifEmpty: "")
    }

    /// Three digits or so, with their unit.
    static func time(_ nanoseconds: UInt64) -> String {
        switch nanoseconds {
        case ..<1000: "\(nanoseconds) ns"
        case ..<100_000: "\(nanoseconds / 1000).\(nanoseconds % 1000 / 100) us"
        case ..<1_000_000: "\(nanoseconds / 1000) us"
        case ..<100_000_000: "\(nanoseconds / 1_000_000).\(nanoseconds % 1_000_000 / 100_000) ms"
        default: "\(nanoseconds / 1_000_000) ms"
        }
    }
}
