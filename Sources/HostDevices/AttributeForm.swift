/// How an attribute is written by people and laid out in config space (little-endian, VIRTIO 1.3, 2.5).
public enum AttributeForm: Sendable {
    /// An unsigned number, decimal or `0x…`, of `byteCount` bytes.
    case number(ClosedRange<UInt64>, byteCount: Int)
    /// As `number`, and a power of two.
    case powerOfTwo(ClosedRange<UInt64>, byteCount: Int)
    /// Six bytes, two hexadecimal digits each, joined by colons; neither multicast nor all zero.
    case macAddress
    /// One of some words, each standing for a number of `byteCount` bytes.
    case choice([String], byteCount: Int)
    /// `1` or `0`: offers the attribute's feature bits or does not; it has no bytes in config space.
    case flag
    /// A name of at most `maximum` bytes after its 16-bit length; config space ends with it.
    case countedName(maximum: Int)
    /// A name padded with zeroes to exactly `byteCount` bytes.
    case paddedName(byteCount: Int)

    /// What is allowed, for error texts and documentation.
    public var allowed: String {
        switch self {
        case .number(let range, _): "a number from \(range.lowerBound) to \(range.upperBound)"
        case .powerOfTwo(let range, _): "a power of two from \(range.lowerBound) to \(range.upperBound)"
        case .macAddress: "a unicast MAC address such as 02:00:00:00:00:01"
        case .choice(let words, _): words.joined(separator: " or ")
        case .flag: "1 or 0"
        case .countedName(let count), .paddedName(let count):
            "a name of 1 to \(count) bytes without '/', blanks and control characters"
        }
    }

    /// How many bytes of config space it takes; for a counted name, those of its length alone.
    var byteCount: Int {
        switch self {
        case .number(_, let byteCount), .powerOfTwo(_, let byteCount), .choice(_, let byteCount),
            .paddedName(let byteCount):
            byteCount
        case .macAddress: 6
        case .flag: 0
        case .countedName: 2
        }
    }

    /// The value's bytes in config space.
    ///
    /// - Throws: `EINVAL` for a wrong form, `ERANGE` for a number or length out of bounds.
    func encode(_ text: String) throws(ConfigurationError) -> [UInt8] {
        switch self {
        case .number(let range, let byteCount):
            return try number(text, in: range).littleEndianBytes(byteCount)
        case .powerOfTwo(let range, let byteCount):
            let value = try number(text, in: range)
            guard value & (value &- 1) == 0 else { throw refused(text, .range) }
            return value.littleEndianBytes(byteCount)
        case .macAddress:
            return try macAddress(text)
        case .choice(let words, let byteCount):
            guard let index = words.firstIndex(of: text) else { throw refused(text, .form) }
            return UInt64(index).littleEndianBytes(byteCount)
        case .flag:
            guard text == "0" || text == "1" else { throw refused(text, .form) }
            return []
        case .countedName(let maximum):
            let bytes = try nameBytes(text, maximum: maximum)
            return UInt64(bytes.count).littleEndianBytes(2) + bytes
        case .paddedName(let byteCount):
            let bytes = try nameBytes(text, maximum: byteCount)
            return bytes + [UInt8](repeating: 0, count: byteCount - bytes.count)
        }
    }

    /// The text of what lies at `offset` of a config space, `nil` when it is no such value; checked like any other
    /// when it is set.
    func decode(_ config: [UInt8], at offset: Int) -> String? {
        switch self {
        case .number(_, let byteCount), .powerOfTwo(_, let byteCount):
            return config.field(at: offset, byteCount: byteCount).map {
                String(UInt64(littleEndianBytes: $0))
            }
        case .macAddress:
            return config.field(at: offset, byteCount: 6).map { $0.map(\.hexadecimal).joined(separator: ":") }
        case .choice(let words, let byteCount):
            guard let field = config.field(at: offset, byteCount: byteCount) else { return nil }
            let index = UInt64(littleEndianBytes: field)
            return index < words.count ? words[Int(index)] : nil
        case .flag:
            return nil
        case .countedName:
            guard let field = config.field(at: offset, byteCount: 2) else { return nil }
            let count = Int(UInt64(littleEndianBytes: field))
            guard config.count == offset + 2 + count else { return nil }
            return config.field(at: offset + 2, byteCount: count).flatMap {
                String(validating: $0, as: UTF8.self)
            }
        case .paddedName(let byteCount):
            guard let field = config.field(at: offset, byteCount: byteCount) else { return nil }
            let name = field.prefix { $0 != 0 }
            guard field.dropFirst(name.count).allSatisfy({ $0 == 0 }) else { return nil }
            return String(validating: name, as: UTF8.self)
        }
    }
}

extension AttributeForm {
    private enum Fault {
        case form
        case range
    }

    private func refused(_ text: String, _ fault: Fault) -> ConfigurationError {
        let sentence = "\(text.quoted) is not allowed: write \(allowed)"
        return fault == .form ? .form(sentence) : .range(sentence)
    }

    private func number(_ text: String, in range: ClosedRange<UInt64>) throws(ConfigurationError) -> UInt64 {
        guard let parsed = UnsignedNumber(text) else { throw refused(text, .form) }
        guard let value = parsed.value, range.contains(value) else { throw refused(text, .range) }
        return value
    }

    private func macAddress(_ text: String) throws(ConfigurationError) -> [UInt8] {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        let bytes = parts.compactMap { part in
            part.utf8.count == 2 && part.allSatisfy(\.isHexDigit) ? UInt8(part, radix: 16) : nil
        }
        guard parts.count == 6, bytes.count == 6 else { throw refused(text, .form) }
        guard bytes[0] & 1 == 0, bytes.contains(where: { $0 != 0 }) else { throw refused(text, .range) }
        return bytes
    }

    private func nameBytes(_ text: String, maximum: Int) throws(ConfigurationError) -> [UInt8] {
        let bytes = Array(text.utf8)
        let isPlain = bytes.allSatisfy { $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "/") }
        guard isPlain, text != ".", text != ".." else { throw refused(text, .form) }
        guard (1...maximum).contains(bytes.count) else { throw refused(text, .range) }
        return bytes
    }
}
