/// Appends one frame to a buffer: header first, its size filled in at the end.
struct FrameWriter: ~Copyable {
    private(set) var bytes: [UInt8]
    private let start: Int

    /// Takes the buffer over; `finish()` gives it back with the frame appended.
    init(appendingTo bytes: consuming [UInt8], type: UInt8, tag: Tag) {
        start = bytes.count
        self.bytes = bytes
        put(UInt32(0))
        put(type)
        put(tag.rawValue)
    }

    mutating func put<Number: FixedWidthInteger>(_ number: Number) { bytes.put(number) }
    mutating func put(_ fid: Fid) { bytes.put(fid.rawValue) }
    mutating func put(_ name: Name) { bytes.put(name) }
    mutating func put(_ qid: Qid) { bytes.put(qid) }

    mutating func put(_ time: FileTime) {
        put(UInt64(bitPattern: time.seconds))
        put(time.nanoseconds)
    }

    /// count[4] and the bytes.
    mutating func put(payload: ArraySlice<UInt8>) {
        put(UInt32(payload.count))
        bytes.append(contentsOf: payload)
    }

    /// - Parameter followedBy: bytes of the frame that the caller appends itself.
    consuming func finish(followedBy payloadByteCount: Int = 0) -> [UInt8] {
        bytes.patchFrameSize(at: start, UInt32(bytes.count - start + payloadByteCount))
        return bytes
    }
}

extension [UInt8] {
    mutating func put<Number: FixedWidthInteger>(_ number: Number) {
        for index in 0..<Number.bitWidth / 8 {
            append(UInt8(truncatingIfNeeded: number &>> Number(truncatingIfNeeded: 8 * index)))
        }
    }

    mutating func put(_ name: Name) {
        put(UInt16(name.bytes.count))
        append(contentsOf: name.bytes)
    }

    mutating func put(_ qid: Qid) {
        put(qid.kind.rawValue)
        put(qid.version)
        put(qid.path)
    }

    fileprivate mutating func patchFrameSize(at start: Int, _ size: UInt32) {
        for index in 0..<4 { self[start + index] = UInt8(truncatingIfNeeded: size &>> UInt32(8 * index)) }
    }
}
