internal import LinuxSystem
internal import NineP
internal import SystemPackage

/// The calls under way, by tag; guarded by the session's lock.
struct CallTable {
    /// The most calls at once. Each may have a Tflush beside it, which always finds a tag.
    static let capacity = 4096

    private var calls: [PendingCall] = []
    private var free: [PendingCall] = []
    /// One of the waiting threads is reading for all.
    var isReading = false
    var ending: Ending?

    /// A call of the thread that makes it.
    ///
    /// - Throws: `.ended`; `.refused(EAGAIN)` when there are too many.
    mutating func begin(_ expectation: Expectation) throws(SessionError) -> PendingCall {
        if let ending { throw .ended(ending) }
        guard calls.count - free.count < CallTable.capacity else {
            throw .refused(.resourceTemporarilyUnavailable)
        }
        let call = unused()
        call.begin(expectation, isOwned: true)
        return call
    }

    /// The Tflush of `call`, which has none yet; `nil` when the session has ended.
    mutating func beginFlush(of call: PendingCall) -> PendingCall? {
        guard ending == nil else { return nil }
        let flush = unused()
        flush.begin(Expectation(.flush), isOwned: false)
        flush.flushes = call
        call.isBeingFlushed = true
        return flush
    }

    private mutating func unused() -> PendingCall {
        if let reused = free.popLast() { return reused }
        let call = PendingCall(tag: Tag(rawValue: UInt16(calls.count)))
        calls.append(call)
        return call
    }

    /// Takes a finished call's outcome and lets its tag go, `nil` while it is unfinished.
    mutating func takeOutcome(of call: PendingCall) -> Result<Reply, SessionError>? {
        if let outcome = call.outcome {
            call.isOwned = false
            call.outcome = nil
            if !call.isBeingFlushed { free.append(call) }
            return outcome
        }
        return ending.map { .failure(.ended($0)) }
    }

    /// Gives a reply to the call it answers.
    ///
    /// - Returns: the call that is finished by it, `nil` when none is.
    /// - Throws: what rule the server broke.
    mutating func deliver(_ reply: Reply, to tag: Tag) throws(ProtocolViolation) -> PendingCall? {
        guard Int(tag.rawValue) < calls.count, let expectation = calls[Int(tag.rawValue)].expectation else {
            throw ProtocolViolation("a reply with \(tag), which nothing waits for")
        }
        let call = calls[Int(tag.rawValue)]
        guard expectation.isMet(by: reply) else {
            throw ProtocolViolation("a reply to \(expectation.type) that does not fit it, with \(tag)")
        }
        call.expectation = nil
        if let old = call.flushes { return finishFlush(call, of: old) }
        call.outcome =
            if case .error(let code) = reply {
                .failure(.refused(Errno(untrusted: code)))
            } else {
                .success(reply)
            }
        return call
    }

    /// Rflush: the old request will never be answered any more (9P2000, flush(5)).
    private mutating func finishFlush(_ flush: PendingCall, of old: PendingCall) -> PendingCall? {
        flush.flushes = nil
        free.append(flush)
        old.isBeingFlushed = false
        guard old.isOwned else {
            free.append(old)
            return nil
        }
        guard old.expectation != nil else { return nil }
        old.expectation = nil
        old.outcome = .failure(old.surrender ?? .interrupted)
        return old
    }

    /// Somebody to read on when the reader leaves.
    func successor() -> PendingCall? { calls.first { $0.isOwned && $0.isSent && $0.outcome == nil } }

    func wakeAll() { for call in calls { call.parker.unpark() } }
}

/// A rule the server broke; it costs the session.
struct ProtocolViolation: Error {
    let rule: String
    init(_ rule: String) { self.rule = rule }
}
