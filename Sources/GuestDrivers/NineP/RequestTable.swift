import NineP
import SharedMemory

/// A request the device has, by the token of its chain.
struct RequestRecord {
    let tag: Tag
    let type: UInt8
    /// When it was sent, among all of the driver's life.
    let sequence: UInt64
    let request: PeerRange
    let reply: PeerRange
    /// The first bytes of its frame, at most `prefixByteCount`: a private copy.
    var prefix: [UInt8] = []
    /// The msize its Tversion asked for, if it is one.
    var askedMessageSize: UInt32?
    /// The request its Tflush names, if there was one.
    var flushes: UInt64?
    /// A Tflush or Tversion came after it: the device may complete it without a reply.
    var mayStayUnanswered = false
    /// Nobody waits for the reply any more.
    var isOrphan = false
    /// Our own Tversion, that ends a session.
    var endsSession = false
    /// The client that is here sent it, or has sent it again.
    var isClaimed = true
    /// Where it is written down.
    var slot: Int?

    static let prefixByteCount = 64
}

/// What is in flight, by token and by tag. All of it private.
struct RequestTable {
    private var records: [RequestRecord?]
    private var freeTokens: [Int]
    private var tokens: [Tag: Int] = [:]
    private var nextSequence: UInt64 = 0
    private let log: RequestLog?

    /// - Parameter log: where changes are written down.
    init(capacity: Int, log: RequestLog?) {
        self.log = log
        records = Array(repeating: nil, count: capacity)
        freeTokens = Array((0..<capacity).reversed())
    }

    var isEmpty: Bool { freeTokens.count == records.count }
    /// Our own Tversion is under way.
    var isEndingSession: Bool { records.contains { $0?.endsSession ?? false } }
    var count: Int { records.count - freeTokens.count }
    func isInUse(_ tag: Tag) -> Bool { tokens[tag] != nil }

    mutating func takeSequence() -> UInt64 {
        defer { nextSequence += 1 }
        return nextSequence
    }

    /// - Precondition: no more than `capacity` are in flight: a chain each, and each has a descriptor.
    mutating func insert(_ record: RequestRecord) -> UInt64 {
        guard let token = freeTokens.popLast() else { preconditionFailure("more requests than descriptors") }
        if !record.isOrphan { tokens[record.tag] = token }
        records[token] = record
        return UInt64(token)
    }

    /// - Precondition: `token` is in flight; the queue gives back only what it was given.
    mutating func take(_ token: UInt64) -> RequestRecord {
        guard let record = records[Int(token)] else { preconditionFailure("a token that is not in flight") }
        if tokens[record.tag] == Int(token) { tokens[record.tag] = nil }
        records[Int(token)] = nil
        freeTokens.append(Int(token))
        return record
    }

    /// Goes on counting where an earlier process was.
    mutating func resume(after sequence: UInt64) { nextSequence = sequence }

    // MARK: Clients that come back

    mutating func unclaimAll() {
        for token in records.indices { records[token]?.isClaimed = false }
    }

    /// What is in flight with `tag` and has not been sent again.
    func unclaimed(_ tag: Tag) -> (token: Int, record: RequestRecord)? {
        guard let token = tokens[tag], let record = records[token], !record.isClaimed else { return nil }
        return (token, record)
    }

    mutating func claim(_ token: Int) { records[token]?.isClaimed = true }
    mutating func orphanUnclaimed() { orphan { !$0.isClaimed } }

    // MARK: Flushes and ends

    /// A Tflush is sent for `tag`.
    ///
    /// - Returns: which request it names.
    mutating func flush(_ tag: Tag) -> UInt64? {
        guard let token = tokens[tag] else { return nil }
        change(token) { $0.mayStayUnanswered = true }
        return records[token]?.sequence
    }

    /// A Tversion is sent: all before it may stay unanswered.
    mutating func flushAll() {
        for token in records.indices { change(token) { $0.mayStayUnanswered = true } }
    }

    /// After its Rflush no reply of a request is passed on, and its tag is free.
    mutating func orphan(_ sequence: UInt64) {
        orphan { $0.sequence == sequence }
    }

    /// After an Rversion nothing older is.
    mutating func orphan(before sequence: UInt64) {
        orphan { $0.sequence < sequence }
    }

    mutating func orphanAll() { orphan { _ in true } }

    private mutating func orphan(_ isMeant: (RequestRecord) -> Bool) {
        for token in records.indices {
            guard let record = records[token], !record.isOrphan, isMeant(record) else { continue }
            change(token) { $0.isOrphan = true }
            if tokens[record.tag] == token { tokens[record.tag] = nil }
        }
    }

    private mutating func change(_ token: Int, _ change: (inout RequestRecord) -> Void) {
        guard var record = records[token] else { return }
        change(&record)
        records[token] = record
        log?.note(record)
    }
}
