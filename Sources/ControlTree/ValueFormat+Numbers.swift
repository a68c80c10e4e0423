internal import SystemPackage

extension ValueFormat where Value == UInt64 {
    /// A whole number, decimal or hexadecimal after 0x; shown in decimal.
    ///
    /// - Parameter note: why the bounds are where they are, as `MIC profile`.
    public static func unsigned(in range: ClosedRange<UInt64>, note: String? = nil) -> ValueFormat {
        let allowed =
            "a number from \(range.lowerBound) to \(range.upperBound)" + (note.map { " (\($0))" } ?? "")
        return ValueFormat(
            allowed: allowed,
            parse: { text throws(Refusal) in
                try bounded(try number(text, allowed), range, text, allowed)
            }, print: { "\($0)" })
    }

    /// A count of bytes: a whole number, with K, M, G or T (powers of 1024) after it or not; shown in decimal, in bytes.
    public static func byteCount(in range: ClosedRange<UInt64>) -> ValueFormat {
        let allowed =
            "a size from \(sized(range.lowerBound)) to \(sized(range.upperBound)), as 4096, 64K or 16M"
        return ValueFormat(
            allowed: allowed,
            parse: { text throws(Refusal) in
                let shifts: [Character: UInt64] = ["K": 10, "M": 20, "G": 30, "T": 40]
                var digits = Substring(text.uppercased())
                for ending in ["IB", "B"] where digits.hasSuffix(ending) && digits.hasPrefix("0X") == false {
                    digits.removeLast(ending.count)
                    break
                }
                let shift = digits.last.flatMap { shifts[$0] } ?? 0
                if shift > 0 { digits.removeLast() }
                let (value, overflow) = try number(String(digits).lowercased(), allowed, shown: text)
                    .multipliedReportingOverflow(by: 1 << shift)
                return try bounded(overflow ? .max : value, range, text, allowed)
            }, print: { "\($0)" })
    }

    /// A mask of 64 bits: hexadecimal after 0x, or decimal; shown in hexadecimal.
    public static var mask: ValueFormat {
        ValueFormat(
            allowed: "a mask of 64 bits, as 0x130000020",
            parse: { text throws(Refusal) in try number(text, "a mask of 64 bits, as 0x130000020") },
            print: { "0x" + String($0, radix: 16) })
    }

    private static func sized(_ count: UInt64) -> String {
        for (shift, unit) in [(40, "T"), (30, "G"), (20, "M"), (10, "K")]
        where count > 0 && count % (1 << shift) == 0 {
            return "\(count >> shift)\(unit)"
        }
        return "\(count)"
    }

    private static func number(_ text: String, _ allowed: String, shown: String? = nil) throws(Refusal)
        -> UInt64
    {
        let isHexadecimal = text.hasPrefix("0x")
        let digits = isHexadecimal ? text.dropFirst(2) : Substring(text)
        // The initialiser takes a sign, which is no digit here.
        guard let first = digits.first, first != "+", first != "-" else {
            throw .form(shown ?? text, "is not a whole number", allowed: allowed)
        }
        if let value = UInt64(digits, radix: isHexadecimal ? 16 : 10) { return value }
        guard digits.allSatisfy({ isHexadecimal ? $0.isHexDigit : $0.isASCII && $0.isNumber }) else {
            throw .form(shown ?? text, "is not a whole number", allowed: allowed)
        }
        throw .bounds(shown ?? text, "is more than 64 bits hold", allowed: allowed)
    }

    private static func bounded(
        _ value: UInt64, _ range: ClosedRange<UInt64>, _ text: String, _ allowed: String
    ) throws(Refusal) -> UInt64 {
        guard value <= range.upperBound else {
            throw .bounds(text, "is above \(range.upperBound)", allowed: allowed)
        }
        guard value >= range.lowerBound else {
            throw .bounds(text, "is below \(range.lowerBound)", allowed: allowed)
        }
        return value
    }
}

extension ValueFormat where Value == Bool {
    /// 0 or 1.
    public static var boolean: ValueFormat {
        ValueFormat(
            allowed: "0 or 1",
            parse: { text throws(Refusal) in
                switch text {
                case "0": return false
                case "1": return true
                default: throw .form(text, "is neither 0 nor 1", allowed: "0 or 1")
                }
            }, print: { $0 ? "1" : "0" })
    }
}

extension ValueFormat where Value == Duration {
    /// Units, each a whole number of those before it.
    private static let units: [(suffix: String, nanoseconds: Int64)] = [
        ("ns", 1), ("us", 1000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ]

    /// A whole number and its unit: ns, us, ms, s, m or h. Shown with the largest unit that needs no fraction.
    public static func duration(in range: ClosedRange<Duration>) -> ValueFormat {
        let allowed =
            "a time from \(printed(range.lowerBound)) to \(printed(range.upperBound)), as 10s or 500ms"
        return ValueFormat(
            allowed: allowed,
            parse: { text throws(Refusal) in
                let digits = text.prefix { $0.isASCII && $0.isNumber }
                guard !digits.isEmpty,
                    let unit = units.first(where: { $0.suffix == text.dropFirst(digits.count) })
                else { throw .form(text, "is not a time", allowed: allowed) }
                let (nanoseconds, overflow) = (Int64(digits) ?? .max).multipliedReportingOverflow(
                    by: unit.nanoseconds)
                let value = Duration.nanoseconds(overflow ? .max : nanoseconds)
                guard value <= range.upperBound else {
                    throw .bounds(text, "is longer than \(printed(range.upperBound))", allowed: allowed)
                }
                guard value >= range.lowerBound else {
                    throw .bounds(text, "is shorter than \(printed(range.lowerBound))", allowed: allowed)
                }
                return value
            }, print: printed)
    }

    private static func printed(_ value: Duration) -> String {
        let (seconds, attoseconds) = value.components
        let nanoseconds = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
        guard nanoseconds != 0 else { return "0s" }
        let unit = units.last { nanoseconds % $0.nanoseconds == 0 } ?? units[0]
        return "\(nanoseconds / unit.nanoseconds)\(unit.suffix)"
    }
}
