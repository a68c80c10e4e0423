import NineP

/// As much of a client's request as the driver must know: its frame is passed on as it is.
struct RequestOutline: Equatable {
    enum Kind: Equatable {
        case ordinary
        /// Tversion, and the msize it asks for.
        case version(UInt32)
        /// Tflush, and the tag it names.
        case flush(Tag)
    }

    /// Enough of any frame: up to the count of a read. Of a shorter frame, all of it.
    static let prefixByteCount = 23
    /// Where Tversion has its msize.
    static let messageSizeOffset = FrameHeader.byteCount
    /// The answer to anything that is not listed below, and whose answer does not grow with the request.
    private static let ordinaryReplyByteCount = 512
    private static let countOffset = 19

    let header: FrameHeader
    let kind: Kind
    /// Room for any legal reply, before msize bounds it.
    let replyByteCount: UInt64

    /// - Parameter prefix: `prefixByteCount` private bytes, or the whole frame if that is shorter.
    /// - Throws: a size below 7 or above what the session allows (the client's fault).
    init(untrusted prefix: ArraySlice<UInt8>, maximumMessageSize: UInt32) throws(FrameError) {
        header = try FrameHeader(untrusted: prefix, maximumMessageSize: maximumMessageSize)
        let fields = Fields(prefix.prefix(Int(header.size)))
        switch RequestType(rawValue: header.type) {
        case .version:
            kind =
                fields.number(at: Self.messageSizeOffset, byteCount: 4).map { .version(UInt32($0)) }
                ?? .ordinary
            replyByteCount = UInt64(Protocol9P.minimumMessageSize)
        case .flush:
            kind =
                fields.number(at: Self.messageSizeOffset, byteCount: 2).map {
                    .flush(Tag(rawValue: UInt16($0)))
                } ?? .ordinary
            replyByteCount = UInt64(Self.ordinaryReplyByteCount)
        case .read, .readdir:
            kind = .ordinary
            let count = fields.number(at: Self.countOffset, byteCount: 4) ?? 0
            replyByteCount = max(
                UInt64(Protocol9P.payloadHeaderByteCount) + count, UInt64(Self.ordinaryReplyByteCount))
        case .readlink:
            kind = .ordinary
            replyByteCount = UInt64(FrameHeader.byteCount + 2 + Name.maximumByteCount)
        default:
            // An answer repeats at most what the request said (a lock's owner), and a little more.
            kind = .ordinary
            replyByteCount = UInt64(header.size) + UInt64(Self.ordinaryReplyByteCount)
        }
    }

    /// Tflush of no tag: what was not sent again is not waited for.
    var endsResumption: Bool { kind == .flush(.none) }

    private struct Fields {
        let bytes: ArraySlice<UInt8>
        init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

        func number(at offset: Int, byteCount: Int) -> UInt64? {
            guard bytes.count >= offset + byteCount else { return nil }
            let start = bytes.startIndex + offset
            return (0..<byteCount).reduce(0) { $0 | UInt64(bytes[start + $1]) << UInt64(8 * $1) }
        }
    }
}
