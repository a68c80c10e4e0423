public import LinuxSystem
public import NineP
internal import Synchronization
internal import SystemPackage

/// A 9P2000.L session as its client: calls from any number of threads at once, each waiting for its own reply.
///
/// There is no thread of the session's own. Whoever waits while nobody reads becomes the reader for all, until its own
/// reply is there; then the next one reads. So a lone caller sends, reads and goes on, with nobody to wake.
///
///     thread A: send T1 ── read R2 (wakes B) ── read R1 ── done, wakes C to read
///     thread B: send T2 ── sleep ────────── done
///     thread C: send T3 ── sleep ──────────────────────────── read R3 ── done
///
/// The server is not trusted: a reply to nothing, of the wrong kind, or with more in it than was asked for ends the session,
/// which wakes everybody with `.ended`.
///
/// A resumable session outlives its connection: when that is lost, calls wait until somebody (whoever watches `lossCounter`)
/// resumes the session over another, begins it anew, or ends it (Documentation/decisions/13).
public final class Session: Sendable {
    /// How long things may take.
    public struct Limits: Hashable, Sendable {
        /// The whole meeting (Tversion and Rversion).
        public var meeting: Duration = .seconds(10)
        /// Silence in the middle of a message, in either direction. The session ends then.
        public var stall: Duration = .seconds(300)
        /// Silence while somebody waits for a reply: after half of it the server is asked for a sign of life, after all of it the
        /// connection counts as lost. A server that is slow, or waits for a lock, answers such a question; `nil`: it is never
        /// asked.
        public var silence: Duration?
        /// A reply, unless the call says otherwise; `nil` waits as long as the session lives, as for a disk.
        public var reply: Duration?

        public init() {}
    }

    /// As negotiated (msize), in bytes.
    public let maximumMessageSize: UInt32
    public let limits: Limits
    public let fids = FidPool()
    /// Signalled once, when the session has ended.
    public let endCounter: EventCounter
    /// Signalled whenever a resumable session has lost its connection.
    public let lossCounter: EventCounter
    public let isResumable: Bool

    let table: Mutex<CallTable>
    /// For the session's own requests when it goes on; they keep their tags, since the server may still have them.
    let probe: PendingCall
    let barrier: PendingCall
    /// Asks for a sign of life.
    let asker: PendingCall

    /// Meets the server over a connected stream: Tversion, Rversion.
    ///
    /// - Parameter maximumMessageSize: the most this side takes, at least 4096; the server may lower it.
    /// - Throws: `.refused(EPROTONOSUPPORT)` when it does not speak 9P2000.L, `.timedOut`, `.ended`.
    public init(
        over stream: consuming ByteStream, maximumMessageSize: UInt32 = 1 << 20, limits: Limits = Limits(),
        isResumable: Bool = false
    ) throws(SessionError) {
        precondition(
            maximumMessageSize >= Protocol9P.minimumMessageSize, "9P2000.L on Linux needs at least 4096")
        var reader = FrameReader()
        let size = try Session.meet(stream, &reader, maximumMessageSize, within: limits.meeting)
        do {
            endCounter = try EventCounter()
            lossCounter = try EventCounter()
        } catch { throw .ended(.system(error)) }
        (self.maximumMessageSize, self.limits, self.isResumable) = (size, limits, isResumable)
        var table = CallTable(Connection(1, stream, reader))
        (probe, barrier, asker) = (table.reserve(), table.reserve(), table.reserve())
        self.table = Mutex(table)
    }

    /// Readable, or hung up, when the server did something: for a loop that wants to notice while nobody calls. Of the
    /// connection there is: another after the session was resumed or renewed.
    public var rawDescriptor: CInt { table.withLock { $0.connection.stream.rawDescriptor } }

    /// Counts how often the server forgot the session.
    public var epoch: Int { table.withLock { $0.epoch } }

    /// How its last connection was lost, `nil` before.
    public var loss: Ending? { table.withLock { $0.loss } }

    /// How the session ended, `nil` while it lives.
    public var ending: Ending? { table.withLock { $0.ending } }

    /// Ends the session: everybody who waits is woken with `.ended`. The first reason counts.
    ///
    /// - Returns: how many calls that had been sent end by it.
    @discardableResult
    public func end(_ ending: Ending = .closed) -> Int {
        let ended = table.withLock { table -> (Connection, Int)? in
            guard table.ending == nil else { return nil }
            table.ending = ending
            table.wakeAll()
            return (table.connection, table.unanswered.count)
        }
        guard let (connection, count) = ended else { return 0 }
        connection.stream.shutDown()
        endCounter.signal()
        return count
    }

    /// The server hung up, as somebody noticed who does not read. What it said before still counts for whoever waits for
    /// it, reads on, and finds the end too.
    public func hangUp() {
        let idle = table.withLock { table -> Connection? in
            table.isReading || !table.unanswered.isEmpty ? nil : table.connection
        }
        if let idle { connectionEnded(idle, .hungUp) }
    }

    /// Ends the session, or has it wait for another connection, if it is resumable and the server broke no rule.
    func connectionEnded(_ connection: Connection, _ ending: Ending) {
        guard isResumable, ending.mayBeResumed else {
            end(ending)
            return
        }
        let isLoss = table.withLock { table in
            guard table.ending == nil, table.connection === connection, table.phase != .lost else {
                return false
            }
            table.lose(by: ending)
            return true
        }
        guard isLoss else { return }
        connection.stream.shutDown()
        lossCounter.signal()
    }

    // MARK: Calls

    /// Sends `request` and waits for its reply.
    ///
    /// - Parameters:
    ///   - limit: after it the call is given up; `nil` leaves it to `limits.reply`.
    ///   - interruption: with it another thread may have the call given up.
    /// - Throws: `.refused` with the server's errno, `.interrupted`, `.timedOut`, `.ended`.
    public func call(
        _ request: Request, within limit: Duration? = nil, interruption: Interruption? = nil
    ) throws(SessionError) -> Reply {
        let call = try begin(Expectation(request))
        if request.changes { interruption?.willChange() }
        request.encode(tag: call.tag, into: &call.frame)
        return try finish(call, RawSpan(), within: limit, interruption)
    }

    func begin(_ expectation: Expectation, behind last: PendingCall? = nil) throws(SessionError)
        -> PendingCall
    {
        let call = try table.withLock { table throws(SessionError) in
            try table.begin(expectation, behind: last)
        }
        // What the tag was last used for was kept until its reply came.
        call.frame.removeAll(keepingCapacity: true)
        return call
    }

    func finish(
        _ call: PendingCall, _ payload: RawSpan, within limit: Duration?, _ interruption: Interruption?
    ) throws(SessionError) -> Reply {
        conduct(call, payload, within: limit, interruption)
        return try reply(in: table.withLock { $0.takeOutcome(of: call) })
    }

    func reply(in outcome: Result<Reply, SessionError>) throws(SessionError) -> Reply {
        if case .failure(.refused(.protocolError)) = outcome { throw forgotten() }
        return try outcome.get()
    }

    /// Sends a call, for the first time or again, and its Tflush if it is given up.
    private func transmit(_ call: PendingCall, _ payload: RawSpan, over connection: Connection) {
        send(call.frame, payload.extracting(call.payload), over: connection)
        let (surrender, flush) = table.withLock { table in
            if call.sentOver == connection.number, table.phase != .lost { call.isSent = true }
            return (call.surrender, call.flush)
        }
        if let flush {
            send(Request.flush(oldTag: call.tag).encoded(tag: flush.tag), over: connection)
        } else if let surrender {
            self.flush(call, call.serial, because: surrender)
        }
    }

    func send(_ frame: [UInt8], _ payload: RawSpan = RawSpan(), over connection: Connection) {
        precondition(
            frame.count + payload.byteCount <= Int(maximumMessageSize),
            "a request larger than the session's maximum")
        do throws(Errno) {
            try connection.send(frame, payload, stall: limits.stall)
        } catch {
            let hasHungUp = error == .brokenPipe || error == .connectionReset
            // Replies may be waiting to be read: whoever reads them finds the end behind them.
            if !(hasHungUp && isResumable) { end(hasHungUp ? .hungUp : .system(error)) }
        }
    }

    // MARK: Waiting

    /// Sends `first` and the calls behind it, and waits until all of them are answered, or never will be. None is sent that
    /// is given up before.
    ///
    /// - Parameter payload: what the calls' `payload` are parts of.
    func conduct(
        _ first: PendingCall, _ payload: RawSpan, within limit: Duration?, _ interruption: Interruption?
    ) {
        interruption?.attach(self, first, first.serial)
        defer { interruption?.detach() }
        var deadline: ContinuousClock.Instant?
        while true {
            switch table.withLock({ $0.turn(of: first) }) {
            case .done: return
            case .send(let call, let connection, let isAgain):
                transmit(call, payload, over: connection)
                if isAgain { sentAgain(over: connection) }
                deadline = deadline ?? (limit ?? limits.reply).map { ContinuousClock.now + $0 }
            case .read(let connection): read(for: first, over: connection, until: deadline)
            case .wait: first.parker.park(for: deadline.map { $0 - .now })
            }
            if let passed = deadline, passed <= .now { deadline = giveUp(first) }
        }
    }

    /// What a server says to a request before Tversion: it was started anew, and knows none of our fids.
    private func forgotten() -> SessionError {
        connectionEnded(table.withLock { $0.connection }, .forgotten)
        return isResumable ? .renewed(wasSent: false) : .ended(.forgotten)
    }

    /// The deadline has passed: asks the server to forget the calls, and ends the session if it does not answer that.
    private func giveUp(_ first: PendingCall) -> ContinuousClock.Instant {
        if table.withLock({ _ in first.group.contains { $0.isBeingFlushed && $0.expectation != nil } }) {
            end(.system(.timedOut))
        } else {
            flush(first, first.serial, because: .timedOut)
        }
        return .now + limits.meeting
    }

    /// Reads for everybody until `first` and what was sent of those behind it are answered, then leaves it to the next one.
    private func read(
        for first: PendingCall, over connection: Connection, until deadline: ContinuousClock.Instant?
    ) {
        connection.input.withLock { reader in
            var (isDone, isAsked) = (false, false)
            let half = limits.silence.map { $0 / 2 }
            while !isDone {
                let left = deadline.map { $0 - .now }
                switch reader.next(
                    from: connection.stream, maximumMessageSize: maximumMessageSize,
                    within: left.map { min($0, half ?? $0) } ?? half, stall: limits.stall)
                {
                case .frame(let frame):
                    isAsked = false
                    isDone = take(frame, for: first)
                case .nothingYet where deadline.map { $0 <= .now } ?? false: isDone = true
                case .nothingYet where !isAsked:
                    ask(over: connection)
                    isAsked = true
                case .nothingYet:
                    connectionEnded(connection, .silent(limits.silence ?? .zero))
                    isDone = true
                case .ended(let ending):
                    connectionEnded(connection, ending)
                    isDone = true
                }
            }
        }
        let successor = table.withLock { table in
            table.isReading = false
            return table.successor()?.leader.parker
        }
        successor?.unpark()
    }

    /// Asks the server for a sign of life, unless it still owes one: a Tflush of a tag that is not in use.
    private func ask(over connection: Connection) {
        let isOwed = table.withLock { table in
            let isOwed = asker.expectation != nil && asker.sentOver == connection.number
            guard table.phase == .up, !isOwed else { return true }
            (asker.expectation, asker.sentOver) = (Expectation(.flush), connection.number)
            return false
        }
        if !isOwed { send(Request.flush(oldTag: probe.tag).encoded(tag: asker.tag), over: connection) }
    }

    /// Delivers one frame; true when `first` and what was sent of those behind it are answered, or the session is over.
    private func take(_ frame: [UInt8], for first: PendingCall) -> Bool {
        do {
            let (tag, reply) = try Reply.decode(untrusted: frame)
            let (others, isDone) = try table.withLock { table throws(ProtocolViolation) -> (Parker?, Bool) in
                let finished = try table.deliver(reply, to: tag)?.leader
                let isWhole = finished?.awaitsReply == false
                guard finished === first else {
                    return (isWhole ? finished?.parker : nil, table.ending != nil)
                }
                return (nil, isWhole || table.ending != nil)
            }
            others?.unpark()
            return isDone
        } catch let error as ProtocolViolation {
            end(.violation(error.rule))
        } catch {
            end(.violation("\(error)"))
        }
        return true
    }

    /// For a reply that `Expectation` let through and its caller cannot use.
    func unexpected() -> SessionError {
        let ending = Ending.violation("a reply of another kind than its request")
        end(ending)
        return .ended(ending)
    }
}
