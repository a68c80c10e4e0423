import ArgumentParser
import Virtio

/// Options that every verb takes, before it or after it.
struct GlobalOptions: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Print one JSON document instead of tables, errors too.")
    var json = false

    @Flag(name: .shortAndLong, help: "JSON on many lines; implies --json.")
    var pretty = false

    @Flag(name: .shortAndLong, help: "Show counters as well.")
    var statistics = false

    @Flag(name: .shortAndLong, help: "Show every attribute, and cut nothing short.")
    var details = false

    @Flag(name: [.customShort("n"), .long], help: "Say what would be done to the tree; do nothing.")
    var dryRun = false

    @Flag(name: .shortAndLong, help: "Say nothing when it worked.")
    var quiet = false

    @Flag(name: .shortAndLong, help: "Say on standard error what is done to the tree.")
    var verbose = false

    @Option(
        help: ArgumentHelp("How long to wait, such as 500ms or 30s (default: 60s).", valueName: "duration"),
        transform: WaitLimit.init)
    var timeout: WaitLimit?

    @Option(
        help: ArgumentHelp(
            "Where a control tree is mounted (default: host and guest in $XDG_RUNTIME_DIR/vop, or else in /run/vop; for root in /run/vop).",
            valueName: "path"))
    var tree: String?

    @Option(
        help: ArgumentHelp("Look at one side only: host or guest.", valueName: "side"),
        transform: { word in
            guard let side = Side(rawValue: word) else {
                throw ValidationError("'\(word)' is no side; give host or guest")
            }
            return side
        })
    var side: Side?

    @Flag(help: "Without colours; there are none.")
    var noColor = false

    var printsJSON: Bool { json || pretty }
}

/// A duration as people write it: a number and `ms`, `s` or `min`; seconds without a unit.
struct WaitLimit {
    let duration: Duration

    static let standard = WaitLimit(.seconds(60))

    private init(_ duration: Duration) { self.duration = duration }

    /// - Throws: for the parser to say, where it is none, zero, or longer than a day.
    init(_ text: String) throws(ValidationError) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let units: [Substring: Duration] = [
            "ms": .milliseconds(1), "s": .seconds(1), "": .seconds(1), "min": .seconds(60),
        ]
        guard let count = Int(digits), let unit = units[text.dropFirst(digits.count)], count > 0,
            count <= 86_400_000, unit * count <= .seconds(86400)
        else {
            throw ValidationError(
                "'\(text)' is no duration; give 1ms to 24 hours, such as 500ms, 30s or 2min")
        }
        duration = unit * count
    }
}
