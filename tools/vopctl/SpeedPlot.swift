/// Bandwidth by size, and round trips as a histogram, drawn as SVG: a line for each direction and number of threads.
struct SpeedPlot {
    private let speeds: LinkSpeeds
    private let times: Latencies

    init(_ speeds: LinkSpeeds, _ times: Latencies) {
        self.speeds = speeds
        self.times = times
    }

    private static let width = 640
    private static let height = 300
    private static let margin = 60
    private static let colours = ["#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b"]

    var svg: String {
        """
        <svg xmlns="http://www.w3.org/2000/svg" width="\(Self.width)" height="\(2 * Self.height)" font-family="sans-serif" font-size="11">
        <rect width="100%" height="100%" fill="white"/>
        \(bandwidth)
        <g transform="translate(0 \(Self.height))">
        \(latency)
        </g>
        </svg>

        """
    }

    private static func x(_ part: Double) -> Int { margin + Int(part * Double(width - 2 * margin)) }
    private static func y(_ part: Double) -> Int { height - margin - Int(part * Double(height - 2 * margin)) }

    private static func text(_ x: Int, _ y: Int, _ text: String, _ anchor: String = "middle") -> String {
        "<text x=\"\(x)\" y=\"\(y)\" text-anchor=\"\(anchor)\">\(text)</text>\n"
    }

    private static func frame(_ title: String) -> String {
        "<path d=\"M\(x(0)) \(y(1))V\(y(0))H\(x(1))\" fill=\"none\" stroke=\"black\"/>\n"
            + text(width / 2, 24, title)
    }

    // MARK: Bandwidth

    private var bandwidth: String {
        let sizes = Array(Set(speeds.rows.map(\.byteCount))).sorted()
        let most = max(1, speeds.rows.map(\.total).max() ?? 1)
        func place(_ size: Int) -> Int {
            let index = sizes.firstIndex(of: size) ?? 0
            return Self.x(sizes.count > 1 ? Double(index) / Double(sizes.count - 1) : 0.5)
        }
        var drawn = Self.frame("\(speeds.client.link.name): bandwidth by size of a piece, MB/s")
        for size in sizes { drawn += Self.text(place(size), Self.y(0) + 16, Tables.size("\(size)")) }
        for part in [0, 0.5, 1] {
            drawn += Self.text(Self.x(0) - 6, Self.y(part), "\(Int(most * part / 1e6))", "end")
        }
        var lines: [String: [(x: Int, y: Int)]] = [:]
        for row in speeds.rows.sorted(by: { $0.byteCount < $1.byteCount }) {
            lines["\(row.direction), threads: \(row.threadCount)", default: []].append(
                (place(row.byteCount), Self.y(row.total / most)))
        }
        for (index, (name, points)) in lines.sorted(by: { $0.key < $1.key }).enumerated() {
            let colour = Self.colours[index % Self.colours.count]
            let path = points.map { "\($0.x),\($0.y)" }.joined(separator: " ")
            drawn += "<polyline points=\"\(path)\" fill=\"none\" stroke=\"\(colour)\" stroke-width=\"2\"/>\n"
            drawn += points.map { "<circle cx=\"\($0.x)\" cy=\"\($0.y)\" r=\"3\" fill=\"\(colour)\"/>\n" }
                .joined()
            drawn +=
                "<g fill=\"\(colour)\">\(Self.text(Self.x(0) + 10, Self.y(1) + 14 * index, name, "start"))</g>\n"
        }
        return drawn
    }

    // MARK: Latency

    private var latency: String {
        let bars = times.ordered
        let most = Double(bars.map(\.count).max() ?? 1)
        var drawn = Self.frame("round trips by doorbell: \(times.count), from the time below each bar on")
        for (index, bar) in bars.enumerated() {
            let left = Self.x(Double(index) / Double(bars.count))
            let right = Self.x(Double(index + 1) / Double(bars.count))
            let top = Self.y(Double(bar.count) / most)
            drawn +=
                "<rect x=\"\(left)\" y=\"\(top)\" width=\"\(max(1, right - left - 1))\" height=\"\(Self.y(0) - top)\" "
                + "fill=\"\(Self.colours[0])\"><title>\(Latencies.time(bar.bound)): \(bar.count)</title></rect>\n"
            if index % max(1, bars.count / 8) == 0 {
                drawn += Self.text(left, Self.y(0) + 16, Latencies.time(bar.bound), "start")
            }
        }
        return drawn + Self.text(Self.x(0) - 6, Self.y(1), "\(Int(most))", "end")
    }
}
