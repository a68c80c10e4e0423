import ArgumentParser
import SystemPackage

/// One verb of one object: does its work and says what there is to print.
protocol Verb: ParsableCommand {
    var options: GlobalOptions { get }
    func perform() throws -> Output
}

extension Verb {
    /// What the parser would call; `Main` calls `perform` and looks at what comes back.
    func run() throws { try perform().print(options) }
}

/// One that may last longer than an answer of the service does: it sees to its own limits.
protocol LongVerb: Verb {}

/// What a command prints when it worked.
struct Output {
    enum Text {
        case lines(String)
        /// Exactly these bytes, in any mode.
        case raw([UInt8])
    }

    let text: Text
    /// The document of `-j`.
    let json: String
    var prettyJSON: String
    /// What was printed is not what was hoped for: said on standard error, with this status.
    var complaint: Failure?

    init(_ text: String, _ json: JSONValue) {
        self.text = .lines(text)
        self.json = json.text(pretty: false)
        prettyJSON = json.text(pretty: true)
    }

    init(_ text: String, json: String, prettyJSON: String, complaint: Failure? = nil) {
        self.text = .lines(text)
        self.json = json
        self.prettyJSON = prettyJSON
        self.complaint = complaint
    }

    init(raw bytes: [UInt8]) {
        text = .raw(bytes)
        json = ""
        prettyJSON = ""
    }

    /// Only says that something was changed.
    var isOnlyAnEcho = false

    /// Something was changed: one line, and who it was about. Of a dry run only the document says anything here.
    static func changed(_ line: String, _ json: [String: JSONValue], _ options: GlobalOptions) -> Output {
        var output =
            options.dryRun
            ? Output("", .document(json.merging(["dry_run": .bool(true)]) { own, _ in own }))
            : Output(line + "\n", .document(json))
        output.isOnlyAnEcho = true
        return output
    }

    func print(_ options: GlobalOptions) throws {
        switch text {
        case .raw(let bytes): try Self.write(bytes)
        case .lines where options.pretty: try Self.write(Array((prettyJSON + "\n").utf8))
        case .lines where options.json: try Self.write(Array((json + "\n").utf8))
        case .lines(let text): try Self.write(Array(text.utf8))
        }
    }

    private static func write(_ bytes: [UInt8]) throws { try FileDescriptor.standardOutput.writeAll(bytes) }
}
