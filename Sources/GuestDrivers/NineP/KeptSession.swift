import LinuxSystem
import NineP
import SharedMemory

/// A reply that has not reached its client. The request's bytes stay beside it, so that the same request sent again is known.
struct UndeliveredReply {
    let record: RequestRecord
    /// Bytes copied and checked: the header, or all of it.
    let prefix: ArraySlice<UInt8>
    /// Zero for a request that was flushed and has no reply.
    let byteCount: Int
    /// So many have gone out.
    var sent = 0

    /// What is still to go out of the bytes that were copied.
    var rest: ArraySlice<UInt8> { prefix.dropFirst(min(sent, prefix.count)) }
    /// Behind them, what is to go from the buffer where the device wrote it.
    var bufferRange: Range<Int> { max(sent, prefix.count)..<byteCount }
}

/// A session whose client has lost its connection, kept for as long as the same process may come back
/// (Documentation/decisions/13).
struct KeptSession {
    let peer: WatchedProcess
    let deadline: ContinuousClock.Instant
    let messageSize: UInt32
    /// Replies that came, or were not taken, and have not been asked for again.
    var replies: [UndeliveredReply]

    func isOf(_ process: WatchedProcess?) -> Bool {
        process?.identifier == peer.identifier && !peer.hasEnded
    }
}

/// A request that is being sent again, compared byte by byte with what it was.
struct JoiningRequest {
    enum Original {
        case inFlight(token: Int)
        case answered
    }

    let original: Original
    let record: RequestRecord
    let outline: RequestOutline
    var compared = 0
    var isSame: Bool

    init(_ original: Original, _ record: RequestRecord, _ outline: RequestOutline) {
        (self.original, self.record, self.outline) = (original, record, outline)
        isSame = UInt64(outline.header.size) == record.request.byteCount
    }

    var missing: Int { Int(outline.header.size) - compared }
}
