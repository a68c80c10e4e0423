internal import LinuxSystem
internal import NineP

/// What a reply must be to count as one: the server is not trusted to answer what was asked.
struct Expectation {
    let type: RequestType
    /// The most payload bytes, written bytes or qids the request allows.
    let limit: Int

    init(_ type: RequestType, limit: Int = 0) { (self.type, self.limit) = (type, limit) }

    init(_ request: Request) {
        switch request {
        case .read(_, _, let count), .readdir(_, _, let count): self.init(request.type, limit: Int(count))
        case .write(_, _, let data): self.init(.write, limit: data.count)
        case .walk(_, _, let names): self.init(.walk, limit: names.count)
        default: self.init(request.type)
        }
    }

    func isMet(by reply: Reply) -> Bool {
        switch reply {
        case .error: true
        case .read(let payload), .readdir(let payload): reply.answers == type && payload.count <= limit
        case .write(let count): type == .write && Int(count) <= limit
        case .walk(let qids): type == .walk && qids.count <= limit
        default: reply.answers == type
        }
    }
}

/// One place in the table, with two tags that take turns: free, or a call under way with one of them. Kept and used again, so
/// that a call allocates nothing of its own.
///
/// All but `frame` and `payload` is guarded by the session's lock; those belong to the thread that makes the call.
final class PendingCall: @unchecked Sendable {
    /// Another than the last call's here: a server may still have that one's reply, which arrived, and whose going out nobody
    /// lived to note. It would take the next request under that tag for the same one, sent again.
    private(set) var tag: Tag
    let parker = Parker()
    var frame: [UInt8] = []

    /// Counts the calls this was used for, so that a late interruption does not hit the next one.
    var serial: UInt64 = 0
    /// What is awaited; `nil` once answered, and while free.
    var expectation: Expectation?
    var outcome: Result<Reply, SessionError>?
    /// A thread is in the middle of this call.
    var isOwned = false
    /// Wholly sent over the connection there is.
    var isSent = false
    /// The number of the connection it was last sent over, or is being; zero before.
    var sentOver = 0
    /// Why it is being given up; a Tflush for it is, or will be, under way.
    var surrender: SessionError?
    /// The unanswered Tflush that names this tag: it may not be used again before that is answered.
    var flush: PendingCall?
    var isBeingFlushed: Bool { flush != nil }
    /// This call is itself a Tflush, of that one. Nobody waits for it.
    var flushes: PendingCall?
    /// Set aside for the session's own requests.
    var isReserved = false

    /// Which of the caller's bytes follow `frame`.
    var payload = 0..<0
    /// The same thread's next call, under way at the same time.
    private var next: PendingCall?
    /// The first of its thread's calls, where that is another: at its parker the thread waits for all of them.
    private var first: PendingCall?

    init(tag: Tag) { self.tag = tag }

    /// Where a call's tag has its place.
    static func place(of tag: Tag) -> Int { Int(tag.rawValue & ~alternation) }
    private static let alternation: UInt16 = 1 << 15

    func begin(_ expectation: Expectation, isOwned: Bool) {
        if serial > 0 { tag = Tag(rawValue: tag.rawValue ^ PendingCall.alternation) }
        serial &+= 1
        self.expectation = expectation
        (outcome, surrender, flushes, flush) = (nil, nil, nil, nil)
        (self.isOwned, isSent, sentOver) = (isOwned, false, 0)
        payload = 0..<0
    }

    // MARK: Calls that one thread makes at once

    var leader: PendingCall { first ?? self }
    /// This one and those behind it.
    var group: some Sequence<PendingCall> { sequence(first: self) { $0.next } }
    /// Something was sent that is not answered.
    var awaitsReply: Bool { group.contains { $0.sentOver != 0 && $0.outcome == nil } }

    func follow(_ last: PendingCall) {
        last.next = self
        first = last.leader
    }

    func leaveGroup() { (next, first) = (nil, nil) }
}
