import ArgumentParser
import DevicePage
import SystemPackage
import Virtio

struct LinkTest: LongVerb {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Test a link's memory and doorbells, both sides together.",
        usage: "vopctl link test [OPTION]... LINK",
        discussion: """
            Writes patterns and reads them back, looks for windows that are one memory, has buffers written, read and copied \
            by either side and compares their CRC, and rings every doorbell both ways. Works in memory set aside for it, so \
            devices may be in use. A side that does not answer is said to be silent, and what this side can test alone is \
            tested. Exit code 0 when all holds, 2 when something does not, 3 when the other side is silent.
            """)

    @Argument(help: "The link.")
    var link: String

    @Option(
        help: ArgumentHelp(
            "A size of buffer beside 1, 1024, 1025, 1024000 and 1024001; may be repeated.", valueName: "bytes"
        ))
    var size: [Int] = []

    @OptionGroup var options: GlobalOptions

    func validate() throws {
        for size in size where !(1...16 << 20).contains(size) {
            throw ValidationError("--size \(size) is not from 1 to 16777216")
        }
    }

    func perform() throws -> Output {
        var tests = LinkTests(try ExerciseClient(link, "link test", options), sizes: size)
        try tests.run()
        return options.dryRun ? tests.client.dryRun : tests.output(options)
    }
}

/// One line of the table.
struct TestRow {
    enum Result: String {
        case ok
        case failed
        /// The link has not what it would need.
        case none
    }

    let test: String
    let subject: String
    let result: Result
    let detail: String
}

/// All tests of one link, in order.
struct LinkTests {
    let client: ExerciseClient
    private let sizes: [Int]
    private(set) var rows: [TestRow] = []
    /// Why the other side has no part in it.
    private var silence: Failure?
    private var progress: Progress

    init(_ client: ExerciseClient, sizes: [Int]) {
        self.client = client
        self.sizes = Array(Set([1, 1024, 1025, 1_024_000, 1_024_001] + sizes)).sorted()
        progress = Progress(client.options, "sizes", of: self.sizes.count + 1)
    }

    mutating func run() throws {
        try client.order("state")
        let area = ((sizes.last ?? 0) + 4095) / 4096 * 4096 + 4096
        if try callOtherSide() {
            try client.order("reserve bytes=\(max(area, 65536))")
            try testWindows(["near", "far"], of: area)
            try testSubranges(of: area)
            for (index, size) in sizes.enumerated() {
                try testTransfers(of: size)
                progress.tell(index + 1)
            }
            try testDoorbells()
            add("dma", client.link.name, .none, "no engine: links of this kind copy by CPU alone")
            try client.order("release")
        } else {
            try client.order("reserve side=near bytes=\(max(area, 65536))")
            try testWindows(["near"], of: area)
        }
    }

    private mutating func callOtherSide() throws -> Bool {
        do {
            try client.order("ping count=1")
            add("other side", "", .ok, "answers")
            return true
        } catch let failure as Failure {
            guard failure.errno == .timedOut || failure.errno == .notSupported else { throw failure }
            silence = failure
            add("other side", "", .failed, failure.message)
            return false
        }
    }

    private mutating func add(
        _ test: String, _ subject: String, _ result: TestRow.Result, _ detail: String = ""
    ) {
        rows.append(TestRow(test: test, subject: subject, result: result, detail: detail))
    }

    // MARK: Memory

    private func crc(_ order: String) throws -> String { try client.order(order).word("crc") }

    private mutating func compare(_ test: String, _ subject: String, _ sums: [String]) {
        // A dry run has none.
        let isSame = sums.allSatisfy { $0 == sums[0] } && (client.options.dryRun || !sums[0].isEmpty)
        add(test, subject, isSame ? .ok : .failed, isSame ? "" : "CRCs are \(sums.joined(separator: ", "))")
    }

    /// Each by itself, and then all written before any is read, so that two that are one memory differ.
    private mutating func testWindows(_ areas: [String], of byteCount: Int) throws {
        for area in areas {
            for seed in [1, 2] {
                let written = try crc("fill by=near in=\(area) bytes=\(byteCount) seed=\(seed)")
                compare(
                    "pattern", "\(area) memory, pattern \(seed)",
                    [written, try crc("checksum by=near in=\(area) bytes=\(byteCount)")])
            }
        }
        guard areas.count > 1 else { return }
        var written: [String] = []
        for (index, area) in areas.enumerated() {
            written.append(try crc("fill by=near in=\(area) bytes=\(byteCount) seed=\(10 + index)"))
        }
        for (area, sum) in zip(areas, written) {
            compare(
                "aliasing", "\(area) memory",
                [sum, try crc("checksum by=near in=\(area) bytes=\(byteCount)")])
        }
    }

    /// Quarters that begin and end at odd places, written in the reverse order, seen by both sides.
    private mutating func testSubranges(of byteCount: Int) throws {
        let part = byteCount / 4 - 1
        let ranges = (0..<4).map { "offset=\($0 * part + 1) bytes=\(part)" }
        var written: [String] = []
        for (index, range) in ranges.enumerated().reversed() {
            written.insert(try crc("fill by=near in=far \(range) seed=\(20 + index)"), at: 0)
        }
        for (index, range) in ranges.enumerated() {
            compare(
                "sub-range", "far memory, part \(index)",
                [
                    written[index], try crc("checksum by=near in=far \(range)"),
                    try crc("checksum by=far in=far \(range)"),
                ])
        }
    }

    /// As pcitest's -w, -r and -c: each side's CRC of what it wrote or read.
    private mutating func testTransfers(of size: Int) throws {
        let bytes = "bytes=\(size)"
        compare(
            "write", "\(size) bytes",
            [
                try crc("fill by=near in=far \(bytes) seed=\(size)"),
                try crc("checksum by=far in=far \(bytes)"),
            ])
        compare(
            "read", "\(size) bytes",
            [
                try crc("fill by=far in=far \(bytes) seed=\(size + 1)"),
                try crc("checksum by=near in=far \(bytes)"),
            ])
        compare(
            "written by far", "\(size) bytes",
            [
                try crc("fill by=far in=near \(bytes) seed=\(size + 2)"),
                try crc("checksum by=near in=near \(bytes)"),
            ])
        compare(
            "read by far", "\(size) bytes",
            [
                try crc("fill by=near in=near \(bytes) seed=\(size + 3)"),
                try crc("checksum by=far in=near \(bytes)"),
            ])
        for by in ["near", "far"] {
            compare(
                "copied by \(by)", "\(size) bytes",
                [
                    try crc("fill by=near in=near \(bytes) seed=\(size + 4)"),
                    try crc("copy by=\(by) from=near to=far \(bytes)"),
                    try crc("checksum by=far in=far \(bytes)"),
                ])
        }
    }

    // MARK: Doorbells

    private mutating func testDoorbells() throws {
        let count = Int(clamping: try client.order("state").number("doorbells"))
        for doorbell in 0..<count {
            let report = try client.order("ping count=1 doorbell=\(doorbell) answer=\(doorbell)")
            let (arrived, came) = (report.number("arrived"), report.number("came"))
            let bit = UInt64(1) << UInt64(doorbell)
            let isThere = arrived & bit != 0
            let isBack = came & bit != 0 && report.number("lost") == 0
            add(
                "doorbell", "\(doorbell), there", isThere ? .ok : .failed,
                isThere ? "" : "did not arrive; \(Self.others(arrived)) did")
            guard isThere else { continue }
            add(
                "doorbell", "\(doorbell), back", isBack ? .ok : .failed,
                isBack ? "" : "did not come; \(Self.others(came)) did")
        }
    }

    private static func others(_ bits: UInt64) -> String {
        let rung = (0..<32).filter { bits >> UInt64($0) & 1 == 1 }.map(String.init)
        return rung.isEmpty ? "none" : rung.joined(separator: ", ")
    }

    // MARK: What came of it

    func output(_ options: GlobalOptions) -> Output {
        let failed = rows.filter { $0.result == .failed }.count
        let table = Tables.text(
            [.left("TEST"), .left("OF"), .left("RESULT"), .left("")],
            rows.map { [$0.test, $0.subject, $0.result.rawValue, $0.detail] }, options, ifEmpty: "no tests")
        let json = JSONValue.document([
            "link": .string(client.link.name), "side": .string(client.link.tree.side.rawValue),
            "failed": .number(failed), "dma": .string("none"),
            "tests": .array(
                rows.map {
                    .object([
                        "test": .string($0.test), "of": .string($0.subject),
                        "result": .string($0.result.rawValue),
                        "detail": $0.detail.isEmpty ? .null : .string($0.detail),
                    ])
                }),
        ])
        var output = Output(table, json)
        if let silence {
            output.complaint = Failure(
                .timedOut, "only this side was tested: \(silence.message)", errno: silence.errno,
                object: client.link.name)
        } else if failed > 0 {
            output.complaint = Failure(
                .refused, "\(client.link.name): \(failed) of \(rows.count) tests failed", errno: .ioError,
                object: client.link.name)
        }
        return output
    }
}
