/// Reads little-endian fields of an untrusted frame, one after the other, never beyond its end.
struct ByteCursor: ~Escapable {
    private let bytes: Span<UInt8>
    private(set) var offset = 0
    /// Goes into errors once the header has been read.
    var tag: Tag?

    @_lifetime(copy bytes)
    init(_ bytes: Span<UInt8>) { self.bytes = bytes }

    var remaining: Int { bytes.count - offset }

    /// The next `byteCount` bytes' position, after checking that they are there.
    private mutating func advance(by byteCount: Int) throws(FrameError) -> Int {
        guard byteCount <= remaining else {
            throw FrameError(.truncated(needed: byteCount, available: remaining), at: offset, tag: tag)
        }
        defer { offset += byteCount }
        return offset
    }

    mutating func take<Number: FixedWidthInteger>(_: Number.Type) throws(FrameError) -> Number {
        let byteCount = Number.bitWidth / 8
        let start = try advance(by: byteCount)
        var number: Number = 0
        for index in 0..<byteCount {
            number |=
                Number(truncatingIfNeeded: bytes[start + index]) &<< Number(truncatingIfNeeded: 8 * index)
        }
        return number
    }

    /// A run of bytes, by its position: nothing is copied.
    mutating func takeRange(_ byteCount: UInt32) throws(FrameError) -> Range<Int> {
        let start = try advance(by: Int(byteCount))
        return start..<offset
    }

    mutating func takeName() throws(FrameError) -> Name {
        let byteCount = Int(try take(UInt16.self))
        let start = try advance(by: byteCount)
        let bytes = self.bytes.extracting(start..<start + byteCount)
        var name: [UInt8] = []
        name.reserveCapacity(byteCount)
        for index in bytes.indices { name.append(bytes[index]) }
        return Name(name)
    }

    mutating func takeFid() throws(FrameError) -> Fid { Fid(rawValue: try take(UInt32.self)) }

    mutating func takeQid() throws(FrameError) -> Qid {
        Qid(
            kind: .init(rawValue: try take(UInt8.self)), version: try take(UInt32.self),
            path: try take(UInt64.self))
    }

    mutating func takeTime() throws(FrameError) -> FileTime {
        FileTime(seconds: Int64(bitPattern: try take(UInt64.self)), nanoseconds: try take(UInt64.self))
    }

    func requireEnd() throws(FrameError) {
        guard remaining == 0 else { throw FrameError(.trailingBytes(remaining), at: offset, tag: tag) }
    }
}
