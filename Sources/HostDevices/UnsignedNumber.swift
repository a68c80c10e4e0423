/// A number as people write it: decimal, or hexadecimal after `0x`. Digits that 64 bits cannot hold are a number all
/// the same, only out of every range.
struct UnsignedNumber {
    /// `nil` when it needs more than 64 bits.
    let value: UInt64?

    /// `nil` when the text is no number: a sign, a blank, no digit.
    init?(_ text: String) {
        let isHexadecimal = text.hasPrefix("0x")
        let digits = isHexadecimal ? text.dropFirst(2) : Substring(text)
        guard !digits.isEmpty,
            digits.utf8.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }),
            isHexadecimal || digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        value = UInt64(digits, radix: isHexadecimal ? 16 : 10)
    }
}

extension UInt64 {
    init(littleEndianBytes bytes: some Collection<UInt8>) {
        self = bytes.prefix(8).enumerated().reduce(0) { $0 | UInt64($1.element) << (8 * $1.offset) }
    }

    /// The low `byteCount` bytes.
    func littleEndianBytes(_ byteCount: Int) -> [UInt8] {
        (0..<byteCount).map { UInt8(truncatingIfNeeded: self >> (8 * $0)) }
    }
}

extension UInt8 {
    var hexadecimal: String { (self < 16 ? "0" : "") + String(self, radix: 16) }
}

extension [UInt8] {
    func field(at offset: Int, byteCount: Int) -> [UInt8]? {
        offset + byteCount <= count ? Array(self[offset..<offset + byteCount]) : nil
    }
}

extension String {
    /// In quotation marks, short, and without control characters: fit for one line of an error.
    var quoted: String {
        let shown = prefix(40).unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? "?" : String($0) }
        return "\"\(shown.joined())\(count > 40 ? "…" : "")\""
    }
}
