/// Numbers in private bytes, lowest byte first, at any position: one access each, where byte by byte takes eight.
extension Span<UInt8> {
    /// - Precondition: the number lies inside.
    @inlinable @inline(__always)
    public func littleEndian<Number: FixedWidthInteger & BitwiseCopyable>(at position: Int) -> Number {
        let size = MemoryLayout<Number>.size
        precondition(position >= 0 && position <= count - size, "a number outside the bytes")
        // SAFETY: checked above; any bytes are a number. The span keeps them alive and unchanged.
        return unsafe Number(
            littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: position, as: Number.self))
    }
}

extension MutableSpan<UInt8> {
    /// - Precondition: the number's place lies inside.
    @inlinable @inline(__always)
    public mutating func store<Number: FixedWidthInteger & BitwiseCopyable>(
        littleEndian number: Number, at position: Int
    ) {
        let size = MemoryLayout<Number>.size
        precondition(position >= 0 && position <= count - size, "a number outside the bytes")
        // SAFETY: checked above; a number may be stored as any bytes.
        unsafe withUnsafeMutableBytes {
            unsafe $0.storeBytes(of: number.littleEndian, toByteOffset: position, as: Number.self)
        }
    }

    /// - Precondition: there is room for all of `source` behind `position`.
    @inlinable
    public mutating func copy(_ source: Span<UInt8>, to position: Int) {
        precondition(position >= 0 && source.count <= count - position, "bytes outside their place")
        // SAFETY: checked above; a span that may be written and one that is read do not overlap.
        unsafe withUnsafeMutableBytes { target in
            unsafe source.withUnsafeBytes { bytes in
                guard let start = bytes.baseAddress, let place = target.baseAddress else { return }
                unsafe (place + position).copyMemory(from: start, byteCount: bytes.count)
            }
        }
    }
}
