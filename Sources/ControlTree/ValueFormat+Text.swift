internal import SystemPackage

extension ValueFormat where Value == String {
    /// A name, as devices, links and drivers have: a letter or digit, then at most 62 more of those, dots, underscores or hyphens.
    public static var name: ValueFormat {
        ValueFormat(
            allowed: nameForm,
            parse: { text throws(Refusal) in
                guard isName(text) else { throw .form(text, "is no name", allowed: nameForm) }
                return text
            }, print: { $0 })
    }

    /// A name, or nothing.
    public static var optionalName: ValueFormat {
        ValueFormat(
            allowed: "nothing, or " + nameForm,
            parse: { text throws(Refusal) in
                guard text.isEmpty || isName(text) else {
                    throw .form(text, "is no name", allowed: "nothing, or " + nameForm)
                }
                return text
            }, print: { $0 })
    }

    /// A path from the root, without "." or ".." in it.
    public static func absolutePath(orNothing: Bool = false) -> ValueFormat {
        let allowed = (orNothing ? "nothing, or " : "") + "a path from the root, as /srv/vop/ep0"
        return ValueFormat(
            allowed: allowed,
            parse: { text throws(Refusal) in
                if orNothing && text.isEmpty { return text }
                guard text.hasPrefix("/") else {
                    throw .form(text, "is not a path from the root", allowed: allowed)
                }
                guard !text.split(separator: "/").contains(where: { $0 == "." || $0 == ".." }) else {
                    throw .form(text, "has '.' or '..' in it", allowed: allowed)
                }
                guard text.utf8.count <= 4095 else {
                    throw .bounds(text, "is longer than 4095 bytes", allowed: allowed)
                }
                return text
            }, print: { $0 })
    }

    /// One of some words.
    public static func choice(_ words: [String]) -> ValueFormat {
        let allowed = words.joined(separator: ", ")
        return ValueFormat(
            allowed: allowed,
            parse: { text throws(Refusal) in
                guard words.contains(text) else {
                    throw .form(text, "is none of the known words", allowed: allowed)
                }
                return text
            }, print: { $0 })
    }

    /// Any text of one line.
    public static func text(byteCountAtMost maximum: Int) -> ValueFormat {
        let allowed = "a line of \(maximum) bytes at most"
        return ValueFormat(
            allowed: allowed,
            parse: { text throws(Refusal) in
                guard !text.contains(where: \.isNewline) else {
                    throw .form(text, "is several lines", allowed: allowed)
                }
                guard text.utf8.count <= maximum else {
                    throw .bounds(text, "is longer than \(maximum) bytes", allowed: allowed)
                }
                return text
            }, print: { $0 })
    }

    private static var nameForm: String {
        "a letter or digit, then at most 62 letters, digits, dots, underscores or hyphens"
    }

    private static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, isLetterOrDigit(first), text.utf8.count <= 63 else { return false }
        return text.utf8.allSatisfy { isLetterOrDigit($0) || ".-_".utf8.contains($0) }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"):
            true
        default: false
        }
    }
}

extension ValueFormat where Value == [UInt8] {
    /// A hardware address of six bytes that names one station: 02:00:00:00:00:01.
    public static var macAddress: ValueFormat {
        ValueFormat(
            allowed: macForm,
            parse: { text throws(Refusal) in
                let parts = text.split(separator: ":", omittingEmptySubsequences: false)
                let bytes = parts.compactMap {
                    $0.utf8.count == 2 && $0.allSatisfy(\.isHexDigit) ? UInt8($0, radix: 16) : nil
                }
                guard parts.count == 6, bytes.count == 6 else {
                    throw .form(text, "is no hardware address", allowed: macForm)
                }
                guard bytes[0] & 1 == 0, bytes.contains(where: { $0 != 0 }) else {
                    throw .bounds(text, "is a group's address, or nobody's", allowed: macForm)
                }
                return bytes
            },
            print: { bytes in
                bytes.map { $0 < 16 ? "0" + String($0, radix: 16) : String($0, radix: 16) }.joined(
                    separator: ":")
            })
    }

    private static var macForm: String {
        "six bytes in hexadecimal that name one station, as 02:00:00:00:00:01"
    }
}
