/// Reads rules: a section for each, `[NAME]`, with a `key = value` a line; `#` begins a comment line.
struct RuleParser {
    private var rules: [LinkRule] = []
    private var section: Section?
    private var number = 0

    static func rules(in text: String) throws(RuleFault) -> [LinkRule] {
        var parser = RuleParser()
        // CRLF is one character to Swift, and a line's end as well.
        for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            parser.number += 1
            try parser.take(Self.trimmed(line))
        }
        try parser.finishSection()
        return parser.rules
    }

    private mutating func take(_ line: Substring) throws(RuleFault) {
        if line.isEmpty || line.hasPrefix("#") { return }
        if line.hasPrefix("[") {
            try finishSection()
            section = try Section(title: line, line: number)
            guard !rules.contains(where: { $0.name == section?.name }) else {
                throw fault("there is a rule of that name already")
            }
            return
        }
        guard let equals = line.firstIndex(of: "=") else {
            throw fault("no '='; write KEY = VALUE, or [NAME]")
        }
        let key = String(Self.trimmed(line[..<equals]))
        guard let known = Key(rawValue: key) else {
            throw fault(
                "'\(key)' is no key; there are " + Key.allCases.map(\.rawValue).joined(separator: ", "))
        }
        guard section != nil else { throw fault("before the first rule; begin one with [NAME]") }
        guard section?.values[known] == nil else { throw fault("'\(key)' is given twice") }
        section?.values[known] = Value(
            text: String(Self.trimmed(line[line.index(after: equals)...])), line: number)
    }

    private mutating func finishSection() throws(RuleFault) {
        guard let section else { return }
        rules.append(try section.rule())
        self.section = nil
    }

    private func fault(_ reason: String) -> RuleFault { RuleFault(line: number, reason: reason) }

    private static func trimmed(_ text: Substring) -> Substring {
        let start = text.drop(while: \.isWhitespace)
        guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return start[...last]
    }
}

private enum Key: String, CaseIterable {
    case match, memory, doorbell, identity, vectors, remark
}

/// What a key was given, on which line.
private struct Value {
    let text: String
    let line: Int

    func fault(_ reason: String) -> RuleFault { RuleFault(line: line, reason: reason) }

    /// `barN`, or `barN+OFFSET`.
    func place(_ text: Substring, alignment: UInt64) throws(RuleFault) -> LinkRule.Place {
        let parts = text.split(separator: "+", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts[0].hasPrefix("bar"), let number = Int(parts[0].dropFirst(3)), let bar = BARIndex(number),
            let offset = parts.count == 1 ? 0 : Self.number(parts[1])
        else { throw fault("'\(text)' is no place; write bar0 to bar5, or an offset behind it: bar0+0xc") }
        // Far beyond any BAR; so adding a register's width cannot wrap.
        guard offset < 1 << 62, offset % alignment == 0 else {
            throw fault("an offset of 0x\(offset.hex(1)) is no multiple of \(alignment)")
        }
        return LinkRule.Place(bar: bar, offset: offset)
    }

    /// `VENDOR:DEVICE`, or `VENDOR:FIRST-LAST`.
    func match() throws(RuleFault) -> (UInt16, ClosedRange<UInt16>) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        let devices = parts.count == 2 ? parts[1].split(separator: "-", omittingEmptySubsequences: false) : []
        guard (1...2).contains(devices.count), let vendor = Self.identifier(parts[0]),
            let first = Self.identifier(devices[0]), let last = Self.identifier(devices[devices.count - 1]),
            first <= last
        else {
            throw fault(
                "'\(text)' is no match; write VENDOR:DEVICE or VENDOR:FIRST-LAST, four hexadecimal digits each"
            )
        }
        return (vendor, first...last)
    }

    /// `PLACE WIDTH FORM`
    func doorbell() throws(RuleFault) -> LinkRule.DoorbellRegister {
        let parts = text.split(separator: " ")
        guard parts.count == 3, parts[1] == "16" || parts[1] == "32", let width = Int(parts[1]),
            let form = LinkRule.DoorbellRegister.Form(rawValue: String(parts[2]))
        else {
            throw fault(
                "'\(text)' is no doorbell; write PLACE WIDTH FORM: a place such as bar0+0xc, 16 or 32, and one of "
                    + LinkRule.DoorbellRegister.Form.allCases.map(\.rawValue).joined(separator: ", "))
        }
        guard form != .peerAndVector || width == 32 else {
            throw fault("peer-and-vector needs a width of 32")
        }
        return LinkRule.DoorbellRegister(
            place: try place(parts[0], alignment: UInt64(width / 8)), bitWidth: width, form: form)
    }

    func usesVectors() throws(RuleFault) -> Bool {
        switch text {
        case "msix": return true
        case "none": return false
        default: throw fault("'\(text)': vectors are msix or none")
        }
    }

    private static func identifier(_ digits: Substring) -> UInt16? {
        digits.count == 4 && digits.allSatisfy(\.isHexDigit) ? UInt16(digits, radix: 16) : nil
    }

    /// Decimal, or hexadecimal behind `0x`.
    private static func number(_ text: Substring) -> UInt64? {
        let digits = text.hasPrefix("0x") ? text.dropFirst(2) : text
        guard digits.allSatisfy(\.isHexDigit) else { return nil }
        return UInt64(digits, radix: text.hasPrefix("0x") ? 16 : 10)
    }
}

/// One rule being read.
private struct Section {
    let name: String
    let line: Int
    var values: [Key: Value] = [:]

    init(title: Substring, line: Int) throws(RuleFault) {
        let name = title.dropFirst().dropLast()
        guard title.hasSuffix("]"), (1...32).contains(name.count),
            name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") })
        else { throw RuleFault(line: line, reason: "no name; write [NAME], 1 to 32 letters, digits and '-'") }
        self.name = String(name)
        self.line = line
    }

    func rule() throws(RuleFault) -> LinkRule {
        let match = try need(.match).match()
        let memory = try need(.memory)
        let identity = values[.identity]
        return LinkRule(
            name: name, vendorID: match.0, deviceIDs: match.1,
            memory: try memory.place(memory.text[...], alignment: 4096),
            doorbell: try values[.doorbell].map { value throws(RuleFault) in try value.doorbell() },
            identity: try identity.map { value throws(RuleFault) in
                try value.place(value.text[...], alignment: 4)
            },
            usesVectors: try values[.vectors].map { value throws(RuleFault) in try value.usesVectors() }
                ?? false,
            remark: values[.remark]?.text ?? "")
    }

    private func need(_ key: Key) throws(RuleFault) -> Value {
        guard let value = values[key] else {
            throw RuleFault(line: line, reason: "[\(name)] has no '\(key.rawValue)', which every rule needs")
        }
        return value
    }
}
