/// Copies between a window and a part of a private buffer: what a reader or writer does that goes through a chain
/// piece by piece.
extension MemoryWindow {
    /// Copies `byteCount` bytes at `offset` of the window to `position` of `destination`.
    public func copy(
        from offset: Int, byteCount: Int, into destination: inout MutableSpan<UInt8>, at position: Int
    ) {
        requirePart(position, byteCount, of: destination.count)
        unsafe destination.withUnsafeMutableBytes { bytes in
            // SAFETY: the part was checked above; it lives as long as the borrow of `destination`.
            var part = unsafe MutableRawSpan(_unsafeBytes: bytes[position..<position &+ byteCount])
            copy(from: offset, into: &part)
        }
    }

    /// Copies `byteCount` bytes at `position` of `source` to `offset` of the window.
    public func copy(_ source: Span<UInt8>, from position: Int, byteCount: Int, to offset: Int) {
        requirePart(position, byteCount, of: source.count)
        // SAFETY: any bytes are valid bytes; the part was checked above.
        unsafe copy(source.bytes.extracting(position..<position &+ byteCount), to: offset)
    }

    /// A private copy of two little-endian words at any offset, aligned or not.
    public func copyWords(at offset: Int) -> (UInt64, UInt64) {
        var words = InlineArray<2, UInt64>(repeating: 0)
        do {
            var span = words.mutableSpan
            // SAFETY: any bytes are valid words; the span covers exactly this array.
            var bytes = unsafe span.mutableBytes
            copy(from: offset, into: &bytes)
        }
        return (UInt64(littleEndian: words[0]), UInt64(littleEndian: words[1]))
    }

    private func requirePart(_ position: Int, _ count: Int, of whole: Int) {
        precondition(
            position >= 0 && count >= 0 && count <= whole && position <= whole &- count,
            "outside the private buffer")
    }
}
