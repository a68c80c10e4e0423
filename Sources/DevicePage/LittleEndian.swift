/// The page's integers in private byte arrays.
extension FixedWidthInteger {
    var littleEndianBytes: [UInt8] {
        (0..<Self.bitWidth / 8).map { UInt8(truncatingIfNeeded: self >> (8 * $0)) }
    }
}

extension ArraySlice<UInt8> {
    /// `offset` counts from the slice's start.
    func littleEndian<Value: FixedWidthInteger>(at offset: Int, as type: Value.Type = Value.self) -> Value {
        var value: Value = 0
        for index in 0..<Value.bitWidth / 8 {
            value |= Value(truncatingIfNeeded: self[startIndex + offset + index]) << (8 * index)
        }
        return value
    }
}
