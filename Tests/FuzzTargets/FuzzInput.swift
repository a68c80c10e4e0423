/// The input, taken piece by piece as the choices of a run; past its end everything is 0.
struct FuzzInput {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    var isEmpty: Bool { rest.isEmpty }

    mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }
    mutating func number16() -> UInt16 { UInt16(byte()) | UInt16(byte()) << 8 }
    mutating func number32() -> UInt32 { UInt32(number16()) | UInt32(number16()) << 16 }
    mutating func number64() -> UInt64 { UInt64(number32()) | UInt64(number32()) << 32 }

    /// At most `limit` bytes.
    mutating func bytes(atMost limit: Int) -> [UInt8] {
        let taken = Array(rest.prefix(limit))
        rest.removeFirst(taken.count)
        return taken
    }

    mutating func all() -> [UInt8] { bytes(atMost: rest.count) }

    /// Bytes behind a length of two.
    mutating func block() -> [UInt8] { bytes(atMost: Int(number16())) }
}
