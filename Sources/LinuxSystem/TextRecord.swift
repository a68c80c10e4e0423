public import SystemPackage

/// What a process writes down for its successor, should it be killed: a text file replaced whole, for what changes seldom.
/// `MappedRecord` is for what changes all the time.
///
/// ```
/// HEADING                              what it is, and its version; may be several lines
/// WORD NUMBER … xHEX-OF-NAME …         a line for each thing
/// end
/// ```
public struct TextRecord: Sendable, Equatable {
    public struct Line: Sendable, Equatable {
        public let word: String
        public let numbers: [UInt64]
        /// Any text; written in hexadecimal, so that a name may have spaces and line ends.
        public let names: [String]

        public init(_ word: String, _ numbers: [UInt64], names: [String] = []) {
            self.word = word
            self.numbers = numbers
            self.names = names
        }

        /// Whether it has so many numbers, and so many names.
        public func has(numbers: Int, names: Int = 0) -> Bool {
            self.numbers.count == numbers && self.names.count == names
        }
    }

    public let heading: [String]
    public var lines: [Line]

    public init(_ heading: [String], _ lines: [Line]) {
        self.heading = heading
        self.lines = lines
    }

    public var text: String { (heading + lines.map(\.text) + ["end", ""]).joined(separator: "\n") }

    /// - Returns: `nil` for anything but what `text` gives, as a file that is torn.
    public init?(_ heading: [String], text: String) {
        let all = text.split(separator: "\n", omittingEmptySubsequences: false)
        lines = []
        self.heading = heading
        for line in all.dropFirst(heading.count).dropLast(2) {
            guard let line = Line(line) else { return nil }
            lines.append(line)
        }
        guard self.text == text else { return nil }
    }

    /// - Returns: `nil` when it cannot be read, or is no such record: who resumes by it starts afresh.
    public static func read(_ heading: [String], from path: String) -> TextRecord? {
        do throws(Errno) {
            let bytes = try WholeFile.contents(of: path)
            return TextRecord(heading, text: String(decoding: bytes, as: UTF8.self))
        } catch { return nil }
    }

    /// - Throws: why it could not be written; then what was there still is.
    public func write(to path: String) throws(Errno) {
        try WholeFile.replace(path, with: [UInt8](text.utf8), isDurable: false)
    }
}

extension TextRecord.Line {
    fileprivate var text: String {
        ([word] + numbers.map(String.init) + names.map(Self.hexadecimal)).joined(separator: " ")
    }

    fileprivate init?(_ text: Substring) {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        let numbers = words.dropFirst().prefix { $0.first != "x" }
        let values = numbers.compactMap { UInt64($0) }
        let names = words.dropFirst(1 + numbers.count).compactMap(Self.name)
        guard let word = words.first, !word.isEmpty, 1 + values.count + names.count == words.count else {
            return nil
        }
        self.init(String(word), values, names: names)
    }

    private static func hexadecimal(_ name: String) -> String {
        "x" + name.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func name(_ text: Substring) -> String? {
        guard text.first == "x" else { return nil }
        var bytes: [UInt8] = []
        var rest = text.dropFirst()
        while !rest.isEmpty {
            guard rest.count >= 2, let byte = UInt8(rest.prefix(2), radix: 16) else { return nil }
            bytes.append(byte)
            rest = rest.dropFirst(2)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
