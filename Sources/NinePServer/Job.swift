import NineP

/// A request from its arrival to its reply. Its mutable part belongs to the session and is touched under the
/// session's lock only.
final class Job: Work, @unchecked Sendable {
    enum Stage {
        /// Waits for its turn at a fid, or for a worker.
        case waiting
        case running
        /// The reply is on its way to the carrier: the client may know it already and use the tag again.
        case answering
        /// Flushed before it began, or its session was renewed or ended.
        case cancelled
        case finished
    }

    let session: NinePSession
    let tag: Tag
    let request: Request
    let token: UInt64
    /// The most bytes its reply may have.
    let replyCapacity: Int
    /// An earlier delivery of it may have been carried out.
    let isRedelivered: Bool
    private let frame: [UInt8]
    let uses: [FidUse]
    /// What it counts for in the client's share of memory.
    let cost: Int

    var stage = Stage.waiting
    var missingTurns = 0
    /// Tflush requests that are answered right after this one.
    var flushers: [Job] = []

    init(
        _ session: NinePSession, _ tag: Tag, _ request: Request, _ origin: FrameOrigin, frame: [UInt8],
        cost: Int
    ) {
        (self.session, self.tag, self.request) = (session, tag, request)
        (token, replyCapacity, isRedelivered) = (origin.token, origin.replyCapacity, origin.isRedelivered)
        self.frame = frame
        uses = request.fidUses
        self.cost = cost
    }

    func run(on worker: Worker) { session.run(self, on: worker) }

    /// Tells it from other requests that may come with the same token.
    var frameSum: UInt64 { JournalChecksum.of(frame[...]) }
}

/// What a carrier says of a frame it hands over.
public struct FrameOrigin: Sendable {
    /// Comes back with the reply.
    public var token: UInt64
    /// The most bytes the reply may have, whatever msize is.
    public var replyCapacity: Int
    /// It was delivered before, perhaps to another process, and not answered.
    public var isRedelivered: Bool

    public init(token: UInt64 = 0, replyCapacity: Int = .max, isRedelivered: Bool = false) {
        (self.token, self.replyCapacity, self.isRedelivered) = (token, replyCapacity, isRedelivered)
    }
}
