public import NineP
internal import Synchronization

/// Reading and writing, in one message or in several that are under way at once. Each throws as `call` does.
extension Session {
    /// At most `byteCount` bytes, which fits `maximumReadByteCount`; none at the end. A slice of the reply's frame.
    public func read(
        _ fid: Fid, at offset: UInt64, byteCount: Int, interruption: Interruption? = nil
    ) throws(SessionError) -> ArraySlice<UInt8> {
        let request = Request.read(fid: fid, offset: offset, count: UInt32(byteCount))
        guard case .read(let data) = try call(request, interruption: interruption) else { throw unexpected() }
        return data
    }

    /// The same in as many messages as `pieces` has, each of which fits `maximumReadByteCount`: the server works on one while
    /// another is on its way.
    ///
    /// - Returns: what came, in order; the last is the only one shorter than asked for, at the end of the file.
    public func read(
        _ fid: Fid, at offset: UInt64, _ pieces: Pieces, interruption: Interruption? = nil
    ) throws(SessionError) -> [ArraySlice<UInt8>] {
        let first = try begin(pieces, expecting: { Expectation(.read, limit: $0.count) }) { call, piece in
            let request = Request.read(
                fid: fid, offset: offset &+ UInt64(piece.lowerBound), count: UInt32(piece.count))
            request.encode(tag: call.tag, into: &call.frame)
        }
        conduct(first, RawSpan(), within: nil, interruption)
        var parts: [ArraySlice<UInt8>] = []
        for (outcome, piece) in zip(table.withLock({ $0.takeOutcomes(of: first) }), pieces.ranges) {
            guard case .read(let data) = try reply(in: outcome) else { throw unexpected() }
            parts.append(data)
            guard data.count == piece.count else { break }
        }
        return parts
    }

    /// A `Twrite` whose payload is not copied on this side.
    ///
    /// - Returns: how many bytes the server took.
    public func write(
        _ bytes: RawSpan, to fid: Fid, at offset: UInt64, interruption: Interruption? = nil
    ) throws(SessionError) -> Int {
        try write(bytes, to: fid, at: offset, Pieces(whole: bytes.byteCount), interruption: interruption)
    }

    /// The same in as many messages as `pieces` has, under way at once, each of which fits `maximumWriteByteCount`.
    ///
    /// - Returns: how many bytes the server took from the first on; those behind an error or a short write may have been
    ///   written as well.
    /// - Throws: why nothing of the first piece was written.
    public func write(
        _ bytes: RawSpan, to fid: Fid, at offset: UInt64, _ pieces: Pieces,
        interruption: Interruption? = nil
    ) throws(SessionError) -> Int {
        let first = try begin(pieces, expecting: { Expectation(.write, limit: $0.count) }) { call, piece in
            call.payload = piece
            Request.encodeWriteHeader(
                tag: call.tag, fid: fid, offset: offset &+ UInt64(piece.lowerBound), byteCount: piece.count,
                into: &call.frame)
        }
        interruption?.willChange()
        conduct(first, bytes, within: nil, interruption)
        var written = 0
        for (outcome, piece) in zip(table.withLock({ $0.takeOutcomes(of: first) }), pieces.ranges) {
            do throws(SessionError) {
                guard case .write(let count) = try reply(in: outcome) else { throw unexpected() }
                written += Int(count)
                guard Int(count) == piece.count else { break }
            } catch {
                // What was written counts; the error comes with the next write.
                guard written > 0 else { throw error }
                break
            }
        }
        return written
    }

    /// A call for each piece.
    private func begin(
        _ pieces: Pieces, expecting expectation: (Range<Int>) -> Expectation,
        encode: (PendingCall, Range<Int>) -> Void
    ) throws(SessionError) -> PendingCall {
        let ranges = pieces.ranges
        let first = try begin(expectation(ranges[0]))
        encode(first, ranges[0])
        var last = first
        for range in ranges.dropFirst() {
            do throws(SessionError) { last = try begin(expectation(range), behind: last) } catch {
                table.withLock { $0.abandon(first) }
                throw error
            }
            encode(last, range)
        }
        return first
    }
}
