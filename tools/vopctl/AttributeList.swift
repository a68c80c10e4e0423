import LinuxSystem

/// The attributes of one directory of a tree: every file that shows one value.
struct AttributeList {
    let values: [(name: String, value: String)]

    /// Files that are no value: streams, binary ones, triggers, and the page in its three forms. In `timeouts` every file is one.
    private static let others: Set<String> = [
        "copy", "stream", "events", "metrics", "page", "page.json", "reset", "test",
    ]

    init(of directory: String, in tree: ControlTreeClient) throws(Failure) {
        var values: [(name: String, value: String)] = []
        for name in try tree.names(in: directory) ?? []
        where !(Self.others.contains(name) || name.hasSuffix(".bin")) || directory.hasSuffix("/timeouts") {
            guard !tree.isDirectory("\(directory)/\(name)"), let text = try tree.text("\(directory)/\(name)")
            else {
                continue
            }
            values.append((name, text))
        }
        self.values = values
    }

    subscript(name: String) -> String? { values.first { $0.name == name }?.value }

    var json: JSONValue {
        .object(Dictionary(values.map { ($0.name, Self.json(of: $0.name, $0.value)) }) { first, _ in first })
    }

    /// Two columns; values of several lines one below the other.
    var rows: [[String]] {
        values.flatMap { name, value in
            let lines = value.isEmpty ? ["-"] : value.split(separator: "\n").map(String.init)
            return lines.enumerated().map { [$0.offset == 0 ? name : "", $0.element] }
        }
    }

    // MARK: Forms

    private static let numbers: Set<String> = [
        "slot", "size", "copy_max", "window_bytes", "config_size", "reads", "read_bytes", "writes",
        "written_bytes",
        "doorbells_rung", "doorbells_received", "doorbells_spared", "sleeps", "polls_found", "polls_in_vain",
        "vectors",
    ]
    private static let switches: Set<String> = ["up", "published", "serve"]

    /// A value in JSON: numbers and switches by name, so that a tag of digits stays text; nothing is null.
    static func json(of name: String, _ value: String) -> JSONValue {
        if value.isEmpty { return .null }
        if numbers.contains(name), let number = Int(value) { return .number(number) }
        if switches.contains(name) { return .bool(value == "1") }
        if name == "stats" { return statistics(value) }
        return .string(value)
    }

    /// Lines of a word and a number.
    private static func statistics(_ value: String) -> JSONValue {
        var counts: [String: JSONValue] = [:]
        for line in value.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 2, let number = Int(words[1]) else { continue }
            counts[String(words[0])] = .number(number)
        }
        return .object(counts)
    }
}
