internal import LinuxSystem
internal import NineP
internal import SystemPackage

/// The calls under way, by tag, and the connection they go over; guarded by the session's lock.
///
/// ```
///        ┌──────────── lost ◄──────────┐
///   up ──┘                │ resumed    │
///    ▲                    ▼            │
///    └── all sent ── resending ────────┘        lost ── renewed: every call ended ──► up
/// ```
struct CallTable {
    enum Phase: Equatable {
        case up
        /// Calls wait until the session goes on, or ends.
        case lost
        /// So many calls have yet to be sent again; new ones wait.
        case resending(Int)
    }

    /// The most calls at once. Each may have a Tflush beside it, which always finds a tag.
    static let capacity = 4096

    private var calls: [PendingCall] = []
    private var free: [PendingCall] = []
    private var reservedCount = 0
    /// One of the waiting threads is reading for all.
    var isReading = false
    var ending: Ending?
    /// How the last connection that was lost ended.
    var loss: Ending?
    /// The current one; while `lost`, the last.
    var connection: Connection
    var phase = Phase.up
    /// Counts how often the server forgot the session: fids of an earlier epoch lead nowhere.
    var epoch = 0

    init(_ connection: Connection) { self.connection = connection }

    /// A call of the thread that makes it.
    ///
    /// - Parameter last: the one before, of several that are under way at once.
    /// - Throws: `.ended`; `.refused(EAGAIN)` when there are too many.
    mutating func begin(
        _ expectation: Expectation, behind last: PendingCall? = nil
    ) throws(SessionError) -> PendingCall {
        if let ending { throw .ended(ending) }
        guard calls.count - free.count - reservedCount < CallTable.capacity else {
            throw .refused(.resourceTemporarilyUnavailable)
        }
        let call = unused()
        call.begin(expectation, isOwned: true)
        if let last { call.follow(last) }
        return call
    }

    /// The Tflush of `call`, which has none yet; `nil` when the session has ended.
    mutating func beginFlush(of call: PendingCall) -> PendingCall? {
        guard ending == nil else { return nil }
        let flush = unused()
        flush.begin(Expectation(.flush), isOwned: false)
        flush.flushes = call
        call.flush = flush
        return flush
    }

    private mutating func unused() -> PendingCall {
        if let reused = free.popLast() { return reused }
        let call = PendingCall(tag: Tag(rawValue: UInt16(calls.count)))
        calls.append(call)
        return call
    }

    /// Takes a finished call's outcome and lets its tag go; one that is not finished is given up with the session.
    mutating func takeOutcome(of call: PendingCall) -> Result<Reply, SessionError> {
        call.leaveGroup()
        guard let outcome = call.outcome else { return .failure(.ended(ending ?? .closed)) }
        call.isOwned = false
        call.outcome = nil
        if !call.isBeingFlushed { free.append(call) }
        return outcome
    }

    /// The same for a call and those behind it.
    mutating func takeOutcomes(of first: PendingCall) -> [Result<Reply, SessionError>] {
        Array(first.group).map { takeOutcome(of: $0) }
    }

    // MARK: What to do next

    enum Turn {
        /// All are answered, or never will be.
        case done
        case send(PendingCall, Connection, isAgain: Bool)
        case read(Connection)
        case wait
    }

    /// What the thread of `first` and of the calls behind it does next.
    mutating func turn(of first: PendingCall) -> Turn {
        guard ending == nil else { return .done }
        var isDone = true
        for call in first.group where call.outcome == nil {
            if call.sentOver == 0, let surrender = call.surrender {
                refuse(call, surrender)
                continue
            }
            isDone = false
            let isAgain = call.sentOver != 0
            guard call.sentOver != connection.number, phase == .up || isAgain && phase != .lost else {
                continue
            }
            call.sentOver = connection.number
            return .send(call, connection, isAgain: isAgain)
        }
        if isDone { return .done }
        guard first.awaitsReply, phase != .lost, !isReading else { return .wait }
        isReading = true
        return .read(connection)
    }

    /// A call that is not sent: its thread finds that.
    private func refuse(_ call: PendingCall, _ error: SessionError) {
        call.expectation = nil
        call.outcome = .failure(error)
    }

    /// None of them is sent.
    mutating func abandon(_ first: PendingCall) {
        for call in first.group { refuse(call, .interrupted) }
        _ = takeOutcomes(of: first)
    }

    /// Gives a reply to the call it answers.
    ///
    /// - Returns: the call that is finished by it, `nil` when none is.
    /// - Throws: what rule the server broke.
    mutating func deliver(_ reply: Reply, to tag: Tag) throws(ProtocolViolation) -> PendingCall? {
        let place = PendingCall.place(of: tag)
        guard place < calls.count, calls[place].tag == tag, let expectation = calls[place].expectation else {
            throw ProtocolViolation("a reply with \(tag), which nothing waits for")
        }
        let call = calls[place]
        guard !call.isOwned || call.sentOver == connection.number else {
            throw ProtocolViolation("a reply with \(tag), which was not sent again over this connection")
        }
        guard expectation.isMet(by: reply) else {
            throw ProtocolViolation("a reply to \(expectation.type) that does not fit it, with \(tag)")
        }
        call.expectation = nil
        guard !call.isReserved else { return nil }
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
        old.flush = nil
        guard old.isOwned else {
            free.append(old)
            return nil
        }
        guard old.expectation != nil else { return nil }
        old.expectation = nil
        old.outcome = .failure(old.surrender ?? .interrupted)
        return old
    }

    // MARK: Losing the connection and going on

    /// A tag set aside, for what a session itself sends: never handed out.
    mutating func reserve() -> PendingCall {
        let call = PendingCall(tag: Tag(rawValue: UInt16(calls.count)))
        call.isReserved = true
        calls.append(call)
        reservedCount += 1
        return call
    }

    /// Nothing goes over the connection any more.
    mutating func lose(by ending: Ending) {
        phase = .lost
        loss = ending
        for call in unanswered { call.isSent = false }
        wakeAll()
    }

    /// Calls that were sent, that somebody waits for, and that have no reply.
    var unanswered: [PendingCall] {
        calls.filter { $0.isOwned && $0.sentOver != 0 && $0.expectation != nil && !$0.isReserved }
    }

    /// Flushes of calls that nobody waits for any more: nobody else sends them again.
    var looseFlushes: [PendingCall] {
        calls.filter { flush in
            guard flush.expectation != nil, let old = flush.flushes else { return false }
            return !(old.isOwned && old.expectation != nil)
        }
    }

    /// The server has forgotten the session: every call ends, and its fids lead nowhere.
    mutating func renew(over connection: Connection) {
        for call in calls where call.expectation != nil {
            call.expectation = nil
            if let old = call.flushes {
                call.flushes = nil
                old.flush = nil
                free.append(call)
                if !old.isOwned { free.append(old) }
            }
        }
        for call in calls where call.isOwned && call.outcome == nil {
            call.outcome = .failure(.renewed(wasSent: call.sentOver != 0))
        }
        epoch += 1
        self.connection = connection
        phase = .up
        wakeAll()
    }

    /// Somebody to read on when the reader leaves.
    func successor() -> PendingCall? {
        calls.first { $0.isOwned && $0.isSent && $0.outcome == nil && !$0.isReserved }
    }

    func wakeAll() { for call in calls { call.parker.unpark() } }
}

/// A rule the server broke; it costs the session.
struct ProtocolViolation: Error {
    let rule: String
    init(_ rule: String) { self.rule = rule }
}
