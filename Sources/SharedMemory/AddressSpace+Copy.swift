/// Copies between a checked slice and a private buffer, without a window changing hands.
extension AddressSpace {
    /// Copies a slice to `position` of `destination`.
    public func copy(_ slice: WindowSlice, into destination: inout MutableSpan<UInt8>, at position: Int) {
        placements[slice.windowIndex].window.copy(
            from: slice.offset, byteCount: slice.byteCount, into: &destination, at: position)
    }

    /// Fills a slice from `position` of `source` on.
    public func copy(_ source: Span<UInt8>, from position: Int, to slice: WindowSlice) {
        placements[slice.windowIndex].window.copy(
            source, from: position, byteCount: slice.byteCount, to: slice.offset)
    }
}
