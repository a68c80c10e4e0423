extension FrameHeader {
    /// The header of a frame that must be there whole, and nothing behind it.
    init(untrustedWholeFrame frame: ArraySlice<UInt8>) throws(FrameError) {
        try self.init(untrusted: frame)
        guard Int(size) == frame.count else {
            throw FrameError(.sizeMismatch(stated: size, actual: frame.count), at: 0, tag: tag)
        }
    }
}

extension ByteCursor {
    mutating func skipHeader(_ header: FrameHeader) throws(FrameError) {
        tag = header.tag
        _ = try takeRange(UInt32(FrameHeader.byteCount))
    }

    /// count[4] and as many bytes of `frame`, which this cursor reads: the frame bounds the count.
    mutating func takePayload(of frame: ArraySlice<UInt8>) throws(FrameError) -> ArraySlice<UInt8> {
        let range = try takeRange(try take(UInt32.self))
        return frame[frame.startIndex + range.lowerBound..<frame.startIndex + range.upperBound]
    }

    /// nwname[2] or nwqid[2].
    mutating func takeWalkCount() throws(FrameError) -> Int {
        let start = offset
        let count = try take(UInt16.self)
        guard count <= Protocol9P.maximumWalkNames else {
            throw FrameError(.tooManyNames(count), at: start, tag: tag)
        }
        return Int(count)
    }
}

extension FileLock {
    init(_ kind: Kind, from cursor: inout ByteCursor) throws(FrameError) {
        self.init(
            kind: kind, start: try cursor.take(UInt64.self), length: try cursor.take(UInt64.self),
            processID: try cursor.take(UInt32.self), clientID: try cursor.takeName())
    }
}
