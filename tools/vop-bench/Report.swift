import SystemPackage

/// The rows as they come, for people on standard output, and all of them as JSON at the end.
struct Report {
    private(set) var rows: [Row] = []

    static let header = line("work", "ours", "against", "ratio", "aim", "", "")

    mutating func add(_ row: Row) {
        rows.append(row)
        let floor = row.floor.map { "\(Row.text($0)) \(row.unit), \(row.against)" } ?? row.against
        let verdict = row.isMet.map { $0 ? "met" : "missed" } ?? ""
        Self.say(
            Self.line(
                row.work, "\(Row.text(row.ours)) \(row.unit)", floor, Row.text(row.value), row.aim.text,
                verdict,
                row.note))
    }

    /// One line, at once: whoever watches through a pipe sees it as it comes.
    static func say(_ line: String) { _ = try? FileDescriptor.standardOutput.writeAll((line + "\n").utf8) }

    private static func line(
        _ work: String, _ ours: String, _ floor: String, _ ratio: String, _ aim: String, _ verdict: String,
        _ note: String
    ) -> String {
        let cells = [
            work.padded(to: 58), ours.padded(to: 16), floor.padded(to: 46), ratio.padded(to: 8),
            aim.padded(to: 8),
            verdict.padded(to: 7), note,
        ]
        return cells.joined(separator: " ").trimmedAtEnd
    }

    func write(json path: String) throws {
        let text = "{\"rows\": [\n" + rows.map(\.json).joined(separator: ",\n") + "\n]}\n"
        let file = try FileDescriptor.open(
            FilePath(path), .writeOnly, options: [.create, .truncate],
            permissions: [.ownerReadWrite, .groupRead])
        try file.closeAfter { _ = try file.writeAll(text.utf8) }
    }
}

extension Row {
    fileprivate var json: String {
        let fields: [(String, String)] = [
            ("work", work.quoted), ("against", against.quoted), ("unit", unit.quoted), ("ours", "\(ours)"),
            ("floor", floor.map { "\($0)" } ?? "null"), ("ratio", "\(value)"), ("aim", aim.text.quoted),
            ("met", isMet.map { "\($0)" } ?? "null"), ("note", note.quoted),
        ]
        return "  {" + fields.map { "\"\($0.0)\": \($0.1)" }.joined(separator: ", ") + "}"
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        count >= width ? self : self + String(repeating: " ", count: width - count)
    }

    fileprivate var trimmedAtEnd: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }

    /// As JSON; none of ours holds a control character.
    fileprivate var quoted: String {
        "\"" + map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : "\($0)" }.joined() + "\""
    }
}
