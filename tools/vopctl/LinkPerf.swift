import ArgumentParser
import DevicePage
import LinuxSystem
import SystemPackage
import Virtio

struct LinkPerf: LongVerb {
    static let configuration = CommandConfiguration(
        commandName: "perf", abstract: "Measure a link's bandwidth and latency.",
        usage: "vopctl link perf [OPTION]... LINK",
        discussion: """
            Bandwidth of this side's writes to, and reads from, memory of the other side's that is set aside for it, by the \
            CPU, for each size and number of threads; the other direction is measured on the other side. Latency is that of \
            round trips by doorbell. Long runs say how far they are on standard error.
            """)

    @Argument(help: "The link.")
    var link: String

    @Option(
        help: ArgumentHelp(
            "The size of a piece; may be repeated (default: 64 bytes to 512 KiB).", valueName: "bytes"))
    var size: [Int] = []

    @Option(help: "How many threads, 1 to 32; may be repeated (default: 1).")
    var threads: [Int] = []

    @Option(
        help: ArgumentHelp("How long each is measured (default: 250ms).", valueName: "duration"),
        transform: WaitLimit.init)
    var time: WaitLimit?

    @Option(help: "How many round trips.")
    var count: Int = 1000

    @Option(help: ArgumentHelp("Draw it there as SVG.", valueName: "file"))
    var plot: String?

    @OptionGroup var options: GlobalOptions

    func validate() throws {
        for size in size where !(1...8 << 20).contains(size) {
            throw ValidationError("--size \(size) is not from 1 to 8388608")
        }
        for threads in threads where !(1...32).contains(threads) {
            throw ValidationError("--threads \(threads) is not from 1 to 32")
        }
        guard (1...10_000_000).contains(count) else { throw ValidationError("--count is 1 to 10000000") }
    }

    func perform() throws -> Output {
        let client = try ExerciseClient(link, "link perf", options)
        var measured = LinkSpeeds(client)
        try measured.run(
            sizes: size.isEmpty ? [64, 512, 4096, 65536, 524288] : size,
            threads: threads.isEmpty ? [1] : threads,
            time: time?.duration ?? .milliseconds(250))
        var pings = Pings(client, doorbell: 0, answer: 0)
        try pings.run(count: count, interval: .zero)
        if let plot, !options.dryRun { try write(SpeedPlot(measured, pings.times).svg, to: plot) }
        return options.dryRun ? client.dryRun : measured.output(pings, options)
    }

    private func write(_ svg: String, to path: String) throws(Failure) {
        guard WholeFile.mayBePut(at: path) else {
            throw Failure(.local, "\(path) is no regular file; give another name", object: path)
        }
        do throws(Errno) { try WholeFile.replace(path, with: Array(svg.utf8), isDurable: false) } catch {
            throw Failure(.local, "\(path): \(error)", errno: error, object: path)
        }
    }
}

/// Bandwidths as they were measured.
struct LinkSpeeds {
    struct Row {
        let direction: String
        let byteCount: Int
        let threadCount: Int
        /// Of each thread, in bytes a second.
        let speeds: [Double]
        var total: Double { speeds.reduce(0, +) }
    }

    let client: ExerciseClient
    private(set) var rows: [Row] = []

    /// As much at once as the daemon measures in one order.
    private static let turn = Duration.seconds(1)

    init(_ client: ExerciseClient) { self.client = client }

    mutating func run(sizes: [Int], threads: [Int], time: Duration) throws {
        var progress = Progress(client.options, "measurements", of: 2 * sizes.count * threads.count)
        let needed = (sizes.max() ?? 1) * (threads.max() ?? 1)
        guard needed <= 15 << 20 else {
            throw Failure(
                .local,
                "\(needed) bytes are needed for so many threads of so large pieces; 15728640 can be"
            )
        }
        for direction in ["write", "read"] {
            for size in sizes {
                for count in threads {
                    try client.order("reserve bytes=\(min(16 << 20, max(1 << 20, (size + 64) * count)))")
                    rows.append(try measure(direction, size, count, time))
                    progress.tell(rows.count)
                }
            }
        }
        try client.order("release")
    }

    private func measure(_ direction: String, _ size: Int, _ count: Int, _ time: Duration) throws -> Row {
        var bytes = [Double](repeating: 0, count: count)
        var seconds = bytes
        var left = time
        while left > .zero {
            let now = min(left, Self.turn)
            left -= now
            let report = try client.order(
                "speed direction=\(direction) bytes=\(size) threads=\(count) time_ms=\(max(1, now.microseconds / 1000))"
            )
            for thread in report.all("thread") where thread.count == 3 {
                let index = Int(clamping: ExerciseReport.number(thread[0]))
                guard bytes.indices.contains(index) else { continue }
                bytes[index] += Double(ExerciseReport.number(thread[1]))
                seconds[index] += Double(ExerciseReport.number(thread[2])) / 1e9
            }
        }
        return Row(
            direction: direction, byteCount: size, threadCount: count,
            speeds: zip(bytes, seconds).map { $1 > 0 ? $0 / $1 : 0 })
    }

    func output(_ pings: Pings, _ options: GlobalOptions) -> Output {
        let table = Tables.text(
            [.left("DIRECTION"), .right("SIZE"), .right("THREADS"), .right("MB/S"), .left("BY THREAD")],
            rows.map { row in
                [
                    row.direction, Tables.size("\(row.byteCount)"), "\(row.threadCount)",
                    Self.megabytes(row.total),
                    row.speeds.map(Self.megabytes).joined(separator: " "),
                ]
            }, options, ifEmpty: "nothing was measured")
        let json = JSONValue.document([
            "link": .string(client.link.name), "side": .string(client.link.tree.side.rawValue),
            "dma": .string("none"), "lost": .number(pings.lost), "round_trips": pings.times.json,
            "bandwidth": .array(
                rows.map { row in
                    .object([
                        "direction": .string(row.direction), "size_bytes": .number(row.byteCount),
                        "threads": .number(row.threadCount), "bytes_per_second": .number(Int(row.total)),
                        "by_thread": .array(row.speeds.map { .number(Int($0)) }),
                    ])
                }),
        ])
        var output = Output(
            "\(table)by CPU; no link has a DMA engine\n\nround trips by doorbell\n\(pings.times.text(options))",
            json)
        output.complaint = pings.fault.map {
            Failure(.timedOut, "\(client.link.name): \($0)", errno: .timedOut)
        }
        return output
    }

    private static func megabytes(_ speed: Double) -> String {
        let tenths = Int(speed / 100_000)
        return tenths < 1000 ? "\(tenths / 10).\(tenths % 10)" : "\(tenths / 10)"
    }
}
