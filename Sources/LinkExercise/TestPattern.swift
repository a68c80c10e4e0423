/// Bytes that a number stands for, and that nobody has by chance: the word at each position is another.
struct TestPattern {
    let seed: UInt64

    /// The bytes from `offset` on.
    ///
    /// - Precondition: `offset` is a multiple of 8.
    func bytes(from offset: Int, byteCount: Int) -> [UInt8] {
        precondition(offset % 8 == 0, "a pattern is made of whole words")
        var bytes: [UInt8] = []
        bytes.reserveCapacity(byteCount + 7)
        var index = UInt64(offset / 8)
        while bytes.count < byteCount {
            var word = Self.word(seed, index)
            for _ in 0..<8 {
                bytes.append(UInt8(truncatingIfNeeded: word))
                word >>= 8
            }
            index += 1
        }
        bytes.removeLast(bytes.count - byteCount)
        return bytes
    }

    /// splitmix64
    private static func word(_ seed: UInt64, _ index: UInt64) -> UInt64 {
        var word = seed &+ (index &+ 1) &* 0x9E37_79B9_7F4A_7C15
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }
}
