/// Takes numbers and bytes out of a journal's value, little-endian; `nil` when they are not there.
struct JournalReader {
    private let bytes: ArraySlice<UInt8>
    /// From the beginning of the value.
    private(set) var offset = 0

    init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    mutating func take<Number: FixedWidthInteger>(_: Number.Type) -> Number? {
        let byteCount = Number.bitWidth / 8
        guard bytes.count - offset >= byteCount else { return nil }
        var number: Number = 0
        for index in 0..<byteCount {
            number |=
                Number(truncatingIfNeeded: bytes[bytes.startIndex + offset + index])
                &<< Number(truncatingIfNeeded: 8 * index)
        }
        offset += byteCount
        return number
    }

    /// A length in 32 bits and as many bytes.
    mutating func takeBytes() -> [UInt8]? {
        guard let count = take(UInt32.self), skip(Int(count)) else { return nil }
        let end = bytes.startIndex + offset
        return Array(bytes[end - Int(count)..<end])
    }

    mutating func takeFlag() -> Bool? { take(UInt8.self).map { $0 != 0 } }

    /// Everything that is left.
    mutating func takeRest() -> [UInt8] {
        defer { offset = bytes.count }
        return Array(bytes.dropFirst(offset))
    }

    mutating func skip(_ count: Int) -> Bool {
        guard count <= bytes.count - offset else { return false }
        offset += count
        return true
    }
}

extension [UInt8] {
    mutating func put<Number: FixedWidthInteger>(_ number: Number) {
        for index in 0..<Number.bitWidth / 8 {
            append(UInt8(truncatingIfNeeded: number &>> Number(truncatingIfNeeded: 8 * index)))
        }
    }

    mutating func put(bytes: some Collection<UInt8>) {
        put(UInt32(bytes.count))
        append(contentsOf: bytes)
    }

    mutating func put(_ flag: Bool) { append(flag ? 1 : 0) }
}
