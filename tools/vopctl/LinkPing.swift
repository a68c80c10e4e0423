import ArgumentParser
import SystemPackage
import Virtio

struct LinkPing: LongVerb {
    static let configuration = CommandConfiguration(
        commandName: "ping", abstract: "Measure round trips by doorbell to a link's other side.",
        usage: "vopctl link ping [OPTION]... LINK",
        discussion: """
            Rings a doorbell of the other side's, whose daemon answers by ringing one of this side's. On any link, live or \
            idle: devices that share the doorbells are rung for nothing, which they take. A round trip that does not come \
            back in time is lost, and says which half of it is missing.
            """)

    @Argument(help: "The link.")
    var link: String

    @Option(help: "How many round trips.")
    var count: Int = 10

    @Option(
        help: ArgumentHelp("The pause between two (default: none).", valueName: "duration"),
        transform: WaitLimit.init)
    var interval: WaitLimit?

    @Option(help: "The other side's doorbell.")
    var doorbell: Int = 0

    @Option(help: "This side's doorbell for the answer.")
    var answer: Int = 0

    @OptionGroup var options: GlobalOptions

    func validate() throws {
        guard (1...10_000_000).contains(count) else {
            throw ValidationError("--count \(count) is not from 1 to 10000000")
        }
        guard interval.map({ $0.duration <= .seconds(3600) }) ?? true else {
            throw ValidationError("--interval is at most an hour")
        }
        guard doorbell >= 0, answer >= 0 else { throw ValidationError("a doorbell is a number from 0") }
    }

    func perform() throws -> Output {
        let client = try ExerciseClient(link, "link ping", options)
        var pings = Pings(client, doorbell: doorbell, answer: answer)
        try pings.run(count: count, interval: interval?.duration ?? .zero)
        return options.dryRun ? client.dryRun : pings.output(options)
    }
}

/// A row of round trips over one pair of doorbells.
struct Pings {
    private let client: ExerciseClient
    private let doorbell: Int
    private let answer: Int
    private(set) var times = Latencies()
    private(set) var lost = 0
    /// Of the last that was lost: the other side has written its answer.
    private var wasAnswered = false
    private var arrived: UInt64 = 0
    private var came: UInt64 = 0

    /// After so many in a row nobody need wait for more.
    private static let lossesInARow = 3
    /// At most so long at once, so that others can have the link.
    private static let turn = Duration.seconds(1)

    init(_ client: ExerciseClient, doorbell: Int, answer: Int) {
        self.client = client
        self.doorbell = doorbell
        self.answer = answer
    }

    mutating func run(count: Int, interval: Duration) throws {
        var left = count
        var lossesInARow = 0
        var progress = Progress(client.options, "round trips", of: count)
        while left > 0, lossesInARow < Self.lossesInARow {
            // Longer pauses are made here.
            let isOneByOne = interval > .milliseconds(500)
            let many = isOneByOne ? 1 : min(left, interval > .zero ? max(1, Int(Self.turn / interval)) : 1000)
            let pause = isOneByOne ? 0 : interval.microseconds
            let report = try client.order(
                "ping count=\(many) interval_us=\(pause) doorbell=\(doorbell) answer=\(answer)")
            if client.options.dryRun { return }
            times.add(report)
            (arrived, came) = (arrived | report.number("arrived"), came | report.number("came"))
            let lostNow = Int(report.number("lost"))
            wasAnswered = report.number("answered") == 1
            lost += lostNow
            lossesInARow = lostNow > 0 ? (report.number("rounds") == 0 ? lossesInARow + 1 : 1) : 0
            left -= Int(clamping: report.number("rounds")) + lostNow
            progress.tell(count - left)
            if isOneByOne, left > 0 { Progress.pause(interval) }
        }
    }

    /// What is wrong with the doorbells; `nil` when nothing is.
    var fault: String? {
        guard lost > 0 else { return nil }
        if wasAnswered {
            return
                "the other side answered, and its ring of doorbell \(answer) did not come\(Self.instead(came, of: answer))"
        }
        return
            "doorbell \(doorbell) was rung, and the other side did not answer\(Self.instead(arrived, of: doorbell))"
    }

    private static func instead(_ bits: UInt64, of doorbell: Int) -> String {
        let others = (0..<32).filter { bits >> UInt64($0) & 1 == 1 && $0 != doorbell }
        return others.isEmpty ? "" : "; \(others.map(String.init).joined(separator: ", ")) rang instead"
    }

    func output(_ options: GlobalOptions) -> Output {
        let text =
            "\(client.link.name): \(times.count) round trips by doorbell \(doorbell), answered by \(answer); \(lost) lost\n"
            + times.text(options)
        let json = JSONValue.document([
            "link": .string(client.link.name), "side": .string(client.link.tree.side.rawValue),
            "doorbell": .number(doorbell), "answer": .number(answer), "lost": .number(lost),
            "round_trips": times.json,
        ])
        var output = Output(text, json)
        output.complaint = fault.map { Failure(.timedOut, "\(client.link.name): \($0)", errno: .timedOut) }
        return output
    }
}

extension Duration {
    var microseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }
}
