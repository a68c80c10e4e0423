/// What every frame begins with: size[4] type[1] tag[2], little-endian; the size includes itself.
public struct FrameHeader: Hashable, Sendable {
    public static let byteCount = 7
    /// The bytes of the size field, enough to know how much more to read.
    public static let sizeByteCount = 4

    public let size: UInt32
    public let type: UInt8
    public let tag: Tag

    /// Reads the header alone, of a frame that need not be there whole.
    ///
    /// - Throws: `.shorterThanHeader`, `.sizeTooSmall`, `.sizeTooLarge`; the sender's fault.
    public init(untrusted bytes: ArraySlice<UInt8>, maximumMessageSize: UInt32 = .max) throws(FrameError) {
        guard bytes.count >= FrameHeader.byteCount else {
            throw FrameError(.shorterThanHeader, at: bytes.count)
        }
        var cursor = ByteCursor(bytes.span)
        size = try cursor.take(UInt32.self)
        type = try cursor.take(UInt8.self)
        tag = Tag(rawValue: try cursor.take(UInt16.self))
        try FrameHeader.check(size: size, maximum: maximumMessageSize)
    }

    /// The size a frame states in its first four bytes, checked: how much belongs to it in all.
    public static func frameByteCount(
        untrusted bytes: ArraySlice<UInt8>, maximumMessageSize: UInt32
    ) throws(FrameError) -> Int {
        var cursor = ByteCursor(bytes.span)
        let size = try cursor.take(UInt32.self)
        try check(size: size, maximum: maximumMessageSize)
        return Int(size)
    }

    private static func check(size: UInt32, maximum: UInt32) throws(FrameError) {
        guard size >= UInt32(byteCount) else { throw FrameError(.sizeTooSmall(size), at: 0) }
        guard size <= maximum else { throw FrameError(.sizeTooLarge(size, maximum: maximum), at: 0) }
    }
}

/// Numbers of the protocol that are no field of a message.
public enum Protocol9P {
    /// The version string of this dialect.
    public static let version: Name = "9P2000.L"
    /// What a server answers to a version it does not speak.
    public static let unknownVersion: Name = "unknown"
    /// P9_MAXWELEM: names in one walk.
    public static let maximumWalkNames = 16
    /// The smallest msize the Linux client accepts.
    public static let minimumMessageSize: UInt32 = 4096
    /// P9_IOHDRSZ: what the Linux client subtracts from msize for the payload of a write.
    public static let payloadHeaderByteCount: UInt32 = 24
    /// Bytes before the payload of `Rread` and `Rreaddir`: size, type, tag, count.
    public static let readReplyHeaderByteCount = 11
    /// Bytes before the payload of `Twrite`: size, type, tag, fid, offset, count.
    public static let writeRequestHeaderByteCount = 23
    /// P9_NONUNAME: attach goes by the user's name, not by number.
    public static let noUserNumber: UInt32 = 0xFFFF_FFFF
}
