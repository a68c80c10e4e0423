/// The CRC of IEEE 802.3, as zlib's `crc32` and Python's `zlib.crc32` have it.
struct CRC32: Equatable {
    private var state: UInt32 = 0xFFFF_FFFF

    var value: UInt32 { ~state }

    mutating func add(_ bytes: borrowing Span<UInt8>) {
        var state = state
        for index in bytes.indices {
            state = Self.table[Int((state ^ UInt32(bytes[index])) & 0xFF)] ^ state >> 8
        }
        self.state = state
    }

    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ value >> 1 : value >> 1 }
    }
}
