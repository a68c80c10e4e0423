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
    let uses: [FidUse]
    /// What it counts for in the client's share of memory.
    let cost: Int

    var stage = Stage.waiting
    var missingTurns = 0
    /// Tflush requests that are answered right after this one.
    var flushers: [Job] = []

    init(_ session: NinePSession, _ tag: Tag, _ request: Request, _ origin: FrameOrigin, cost: Int) {
        (self.session, self.tag, self.request) = (session, tag, request)
        (token, replyCapacity) = (origin.token, origin.replyCapacity)
        uses = request.fidUses
        self.cost = cost
    }

    func run(on worker: Worker) { session.run(self, on: worker) }
}

/// What a carrier says of a frame it hands over.
public struct FrameOrigin: Sendable {
    /// Comes back with the reply.
    public var token: UInt64
    /// The most bytes the reply may have, whatever msize is.
    public var replyCapacity: Int

    public init(token: UInt64 = 0, replyCapacity: Int = .max) {
        (self.token, self.replyCapacity) = (token, replyCapacity)
    }
}
