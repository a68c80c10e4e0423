import CVOP

/// What every message of a meeting begins with (`struct vop_meeting_message`), and the fields behind it, in order and
/// little-endian.
enum MeetingMessage {
    static let headerByteCount = 16

    enum Kind: UInt16, Sendable {
        case hello = 1
        case welcome = 2
        case ready = 3
    }

    /// The most a message of any kind holds; a longer packet is no message.
    static let byteCountMaximum = 512
    /// Windows, the other side's handed back, the header, doorbells.
    static let descriptorCountMaximum = 2 * Int(VOP_MEETING_WINDOWS_MAX) + 1 + Int(VOP_MEETING_DOORBELLS_MAX)
}

/// Builds one message.
struct MeetingWriter {
    private(set) var bytes: [UInt8] = []

    init(_ kind: MeetingMessage.Kind, byteCount: Int, descriptorCount: Int) {
        bytes.reserveCapacity(byteCount)
        put(UInt32(VOP_MEETING_MAGIC))
        put(UInt16(VOP_MEETING_VERSION))
        put(kind.rawValue)
        put(UInt32(byteCount))
        put(UInt32(descriptorCount))
    }

    mutating func put(_ value: some FixedWidthInteger & UnsignedInteger) {
        for index in 0..<value.bitWidth / 8 {
            bytes.append(UInt8(truncatingIfNeeded: value >> (8 * index)))
        }
    }

    mutating func put(_ ranges: [MeetingRange]) {
        precondition(ranges.count <= Int(VOP_MEETING_WINDOWS_MAX), "too many windows")
        for range in ranges { put(range.base); put(range.byteCount) }
        let rest = Int(VOP_MEETING_WINDOWS_MAX) - ranges.count
        bytes.append(contentsOf: repeatElement(0, count: rest * 16))
    }

    mutating func skip(_ byteCount: Int) { bytes.append(contentsOf: repeatElement(0, count: byteCount)) }

    /// UTF-8, cut at a character to fit, zero-filled.
    mutating func put(_ text: String, byteCount: Int) {
        var kept = Substring(text)
        while kept.utf8.count > byteCount { kept.removeLast() }
        bytes.append(contentsOf: kept.utf8)
        bytes.append(contentsOf: repeatElement(0, count: byteCount - kept.utf8.count))
    }
}

/// Takes one message apart. It was received into private memory, so it holds still.
struct MeetingReader {
    private let bytes: [UInt8]
    private var position = 0

    /// - Throws: when it is no message of this version, kind, size and number of descriptors.
    init(
        untrusted bytes: [UInt8], _ kind: MeetingMessage.Kind, byteCount: Int, descriptorCount: Int
    ) throws(MeetingRefusal) {
        self.bytes = bytes
        guard bytes.count >= MeetingMessage.headerByteCount, take(UInt32.self) == UInt32(VOP_MEETING_MAGIC)
        else {
            throw MeetingRefusal("\(bytes.count) bytes that are no meeting message")
        }
        let version = take(UInt16.self)
        guard version == UInt16(VOP_MEETING_VERSION) else {
            throw MeetingRefusal(
                .version, "version \(version); version \(VOP_MEETING_VERSION) is spoken here")
        }
        let stated = take(UInt16.self)
        guard stated == kind.rawValue else {
            throw MeetingRefusal("message type \(stated) where \(kind) was due")
        }
        guard bytes.count == byteCount, Int(take(UInt32.self)) == byteCount else {
            throw MeetingRefusal("\(kind) of \(bytes.count) bytes; \(byteCount) are right")
        }
        guard Int(take(UInt32.self)) == descriptorCount else {
            throw MeetingRefusal("\(kind) announced other descriptors than the \(descriptorCount) it brought")
        }
    }

    /// The next field. Past the end it is zero, which no check on it accepts; sizes were checked before.
    mutating func take<Value: FixedWidthInteger & UnsignedInteger>(_: Value.Type) -> Value {
        var value: Value = 0
        for index in 0..<Value.bitWidth / 8 where position + index < bytes.count {
            value |= Value(bytes[position + index]) << Value(8 * index)
        }
        position += Value.bitWidth / 8
        return value
    }

    mutating func skip(_ byteCount: Int) { position += byteCount }

    mutating func takeRanges() -> [MeetingRange] {
        (0..<Int(VOP_MEETING_WINDOWS_MAX)).map { _ in
            MeetingRange(base: take(UInt64.self), byteCount: take(UInt64.self))
        }
    }

    /// Up to the first zero byte; what is not UTF-8, and control characters, are replaced.
    mutating func takeText(byteCount: Int) -> String {
        let field = bytes.dropFirst(position).prefix(byteCount).prefix { $0 != 0 }
        position += byteCount
        let scalars = String(decoding: field, as: UTF8.self).unicodeScalars
        return String(
            String.UnicodeScalarView(scalars.map { $0.properties.generalCategory == .control ? "?" : $0 }))
    }
}

/// A window's place in the address space as a message states it (`struct vop_range`).
struct MeetingRange: Equatable {
    var base: UInt64
    var byteCount: UInt64

    /// - Throws: when no window may have this size.
    func checkedByteCount() throws(MeetingRefusal) -> Int {
        guard let count = Int(exactly: byteCount) else {
            throw MeetingRefusal(.window, "a window of \(byteCount) bytes")
        }
        if let fault = MeetingLimits.fault(windowByteCount: count) { throw MeetingRefusal(.window, fault) }
        return count
    }

    /// - Throws: when the base is not aligned to a page: alignment must mean the same in memory and in addresses.
    func checkedBase() throws(MeetingRefusal) -> UInt64 {
        guard base % 4096 == 0 else {
            throw MeetingRefusal(.window, "a window at \(base), not a multiple of 4096")
        }
        return base
    }
}
