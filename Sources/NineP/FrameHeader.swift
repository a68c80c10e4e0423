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
