import LinuxSystem
import SystemPackage
import Virtio

/// Orders tests of a link, through its `test` file: writes an order, which is answered when it has been carried out, and reads
/// the report.
struct ExerciseClient {
    let link: LinkPlace
    /// What the command line says, for messages: `link ping`.
    let command: String
    let options: GlobalOptions

    /// How long somebody else's test of the same link is waited for.
    private static let busyLimit = Duration.seconds(15)

    init(_ name: String, _ command: String, _ options: GlobalOptions) throws(Failure) {
        link = try Trees(options).link(name)
        self.command = command
        self.options = options
    }

    private var place: String { "\(link.path)/test" }

    /// - Returns: nothing of a dry run.
    /// - Throws: what the daemon, or the other side through it, says; `EIO` where somebody else's order came between.
    @discardableResult
    func order(_ text: String) throws -> ExerciseReport {
        let id = "\(ThisProcess.identifier).\(UInt32.random(in: 0 ... .max))"
        try write("\(text) id=\(id)")
        if options.dryRun { return ExerciseReport("") }
        let report = ExerciseReport(try link.tree.text(place) ?? "")
        guard report.word("id") == id else {
            throw Failure(
                .local, "\(place): another test of this link came between; try again", errno: .ioError,
                object: place)
        }
        return report
    }

    /// What there is to print of a dry run: the orders were said.
    var dryRun: Output {
        .changed(
            "", ["link": .string(link.name), "side": .string(link.tree.side.rawValue)], options)
    }

    private func write(_ order: String) throws {
        let end = ContinuousClock.now + Self.busyLimit
        while true {
            let isJSON = options.printsJSON
            let limit = try TimeLimit((options.timeout ?? .standard).duration) { [command] failure in
                Evaluation.failed(failure, command).say(asJSON: isJSON)
            }
            defer { limit.lift() }
            do throws(Failure) { return try link.tree.write(order, to: place) } catch {
                guard error.errno == .resourceBusy, .now < end else { throw error }
            }
            Thread.pause(for: .milliseconds(20))
        }
    }
}

/// What an order brought: lines of a word and what belongs to it.
struct ExerciseReport {
    private let lines: [[String]]

    init(_ text: String) {
        lines = text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    }

    /// All that follows `name`, of each line that begins with it.
    func all(_ name: String) -> [[String]] {
        lines.filter { $0.first == name }.map { Array($0.dropFirst()) }
    }

    func word(_ name: String) -> String { all(name).first?.first ?? "" }

    /// A number, decimal or hexadecimal behind `0x`; 0 where there is none.
    func number(_ name: String) -> UInt64 { Self.number(word(name)) }

    static func number(_ text: String) -> UInt64 {
        (text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text)) ?? 0
    }
}
