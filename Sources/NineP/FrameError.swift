/// A frame that breaks the protocol: always the sender's fault.
///
/// `tag` is there when the frame's header was whole, so that a server can answer `Rlerror` with `errorCode`, or
/// drop the connection.
public struct FrameError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Reason: Hashable, Sendable {
        /// Fewer than the 7 bytes of a header.
        case shorterThanHeader
        /// A size field that is below 7.
        case sizeTooSmall(UInt32)
        /// A size field above the session's maximum message size.
        case sizeTooLarge(UInt32, maximum: UInt32)
        /// A size field that is not the number of bytes there are.
        case sizeMismatch(stated: UInt32, actual: Int)
        /// A field, string or payload that ends beyond the frame.
        case truncated(needed: Int, available: Int)
        /// Bytes after the last field.
        case trailingBytes(Int)
        /// More than 16 names (or qids) in a walk.
        case tooManyNames(UInt16)
        /// No request of 9P2000.L: unknown, illegal (Tlerror, Terror) or of plain 9P2000 (Topen, Tcreate, Tstat, Twstat).
        case unknownRequest(type: UInt8)
        /// A reply where a request belongs.
        case replyAsRequest(type: UInt8)
        /// A number no reply of 9P2000.L has.
        case unknownReply(type: UInt8)
    }

    public let reason: Reason
    /// Where in the frame (or in a directory's listing), in bytes.
    public let offset: Int
    public let tag: Tag?

    public init(_ reason: Reason, at offset: Int, tag: Tag? = nil) {
        (self.reason, self.offset, self.tag) = (reason, offset, tag)
    }

    /// What an `Rlerror` for it says: EOPNOTSUPP for requests that do not exist here, else EINVAL.
    public var errorCode: UInt32 {
        switch reason {
        case .unknownRequest, .replyAsRequest: 95
        default: 22
        }
    }

    public var description: String {
        let place = "byte \(offset)" + (tag.map { " of the frame with \($0)" } ?? "")
        return switch reason {
        case .shorterThanHeader: "a frame has at least 7 bytes; it ends at \(place)"
        case .sizeTooSmall(let size): "frame size \(size) at \(place) is below 7"
        case .sizeTooLarge(let size, let maximum):
            "frame size \(size) at \(place) exceeds the session's \(maximum)"
        case .sizeMismatch(let stated, let actual):
            "frame size \(stated) at \(place), but there are \(actual) bytes"
        case .truncated(let needed, let available): "\(needed) bytes needed at \(place), \(available) there"
        case .trailingBytes(let count): "\(count) bytes too many at \(place)"
        case .tooManyNames(let count): "walk of \(count) names at \(place); at most 16 are allowed"
        case .unknownRequest(let type): "type \(type) at \(place) is no request of 9P2000.L"
        case .replyAsRequest(let type): "reply type \(type) at \(place) where a request belongs"
        case .unknownReply(let type): "type \(type) at \(place) is no reply of 9P2000.L"
        }
    }
}
