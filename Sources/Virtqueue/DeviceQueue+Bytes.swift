public import SharedMemory

/// A chain's bytes, by cursor: bulk copies, one a segment, or the pieces themselves for scatter-gather calls.
extension DeviceQueue {
    /// The start of a chain's readable part.
    @inlinable
    public func reader(of chain: DescriptorChain) -> ChainReader {
        ChainReader(ChainCursor(segment: UInt32(chain.head), remaining: chain.readableByteCount))
    }

    /// The start of a chain's writable part.
    @inlinable
    public func writer(of chain: DescriptorChain) -> ChainWriter {
        ChainWriter(ChainCursor(segment: chain.firstWritable, remaining: chain.writableByteCount))
    }

    /// Copies the next readable bytes into `destination`, from `start` on.
    ///
    /// - Returns: how many: all that fit, or all there are.
    @inlinable
    public func copy(
        _ reader: inout ChainReader, into destination: inout MutableSpan<UInt8>, at start: Int = 0
    ) -> Int {
        var position = start
        while let piece = advance(&reader.cursor, atMost: destination.count &- position) {
            buffers.copy(piece, into: &destination, at: position)
            position &+= piece.byteCount
        }
        return position &- start
    }

    /// The next `limit` readable bytes, or all there are.
    public func bytes(from reader: inout ChainReader, atMost limit: Int = .max) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: min(limit, reader.remainingByteCount))
        var span = bytes.mutableSpan
        _ = copy(&reader, into: &span)
        return bytes
    }

    /// Copies `source` into the next writable bytes.
    ///
    /// - Returns: how many bytes there was room for.
    @inlinable
    public func copy(_ source: Span<UInt8>, to writer: inout ChainWriter) -> Int {
        copy(source, from: 0, byteCount: source.count, to: &writer)
    }

    /// Copies part of `source` into the next writable bytes.
    @inlinable
    public func copy(
        _ source: Span<UInt8>, from start: Int, byteCount: Int, to writer: inout ChainWriter
    ) -> Int {
        var position = 0
        while let piece = advance(&writer.cursor, atMost: byteCount &- position) {
            buffers.copy(source, from: start &+ position, to: piece)
            position &+= piece.byteCount
        }
        return position
    }

    /// The next readable bytes that lie together, at most `limit` of them; `nil` at the end. They lie in
    /// `buffers`, where the driver may change them at any time: give them to the kernel, or copy them once.
    @inlinable
    public func nextPiece(_ reader: inout ChainReader, atMost limit: Int = .max) -> WindowSlice? {
        advance(&reader.cursor, atMost: limit)
    }

    /// The next writable place that lies together, at most `limit` bytes of it; `nil` at the end.
    @inlinable
    public func nextPiece(_ writer: inout ChainWriter, atMost limit: Int = .max) -> WindowSlice? {
        advance(&writer.cursor, atMost: limit)
    }

    /// The window a piece lies in.
    @inlinable
    public func window(of piece: WindowSlice) -> MemoryWindow { buffers.window(of: piece) }

    @inlinable
    func advance(_ cursor: inout ChainCursor, atMost limit: Int) -> WindowSlice? {
        guard cursor.remaining != 0, limit > 0 else { return nil }
        var segment = segments[Int(cursor.segment)]
        while cursor.offset == segment.byteCount {
            cursor.segment = segment.next
            cursor.offset = 0
            segment = segments[Int(cursor.segment)]
        }
        let count = min(min(segment.byteCount &- cursor.offset, cursor.remaining), UInt32(clamping: limit))
        let slice = WindowSlice(
            windowIndex: Int(segment.windowIndex), offset: segment.offset &+ Int(cursor.offset),
            byteCount: Int(count))
        cursor.offset &+= count
        cursor.remaining &-= count
        return slice
    }
}
