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
public final class Session: Sendable {
    /// How long things may take.
    public struct Limits: Hashable, Sendable {
        /// The whole meeting (Tversion and Rversion).
        public var meeting: Duration = .seconds(10)
        /// Silence in the middle of a message, in either direction. The session ends then.
        public var stall: Duration = .seconds(300)
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

    let stream: ByteStream
    let table: Mutex<CallTable>
    private let input: Mutex<FrameReader>
    private let output = Mutex(())

    /// Meets the server over a connected stream: Tversion, Rversion.
    ///
    /// - Parameter maximumMessageSize: the most this side takes, at least 4096; the server may lower it.
    /// - Throws: `.refused(EPROTONOSUPPORT)` when it does not speak 9P2000.L, `.timedOut`, `.ended`.
    public init(
        over stream: consuming ByteStream, maximumMessageSize: UInt32 = 1 << 20, limits: Limits = Limits()
    ) throws(SessionError) {
        precondition(
            maximumMessageSize >= Protocol9P.minimumMessageSize, "9P2000.L on Linux needs at least 4096")
        var reader = FrameReader()
        let size = try Session.meet(stream, &reader, maximumMessageSize, within: limits.meeting)
        do { endCounter = try EventCounter() } catch { throw .ended(.system(error)) }
        (self.maximumMessageSize, self.limits) = (size, limits)
        self.stream = stream
        input = Mutex(reader)
        table = Mutex(CallTable())
    }

    deinit { stream.shutDown() }

    /// Readable, or hung up, when the server did something: for a loop that wants to notice while nobody calls.
    public var rawDescriptor: CInt { stream.rawDescriptor }

    /// How the session ended, `nil` while it lives.
    public var ending: Ending? { table.withLock { $0.ending } }

    /// Ends the session: everybody who waits is woken with `.ended`. The first reason counts.
    public func end(_ ending: Ending = .closed) {
        let isFirst = table.withLock { table in
            guard table.ending == nil else { return false }
            table.ending = ending
            table.wakeAll()
            return true
        }
        guard isFirst else { return }
        stream.shutDown()
        endCounter.signal()
    }

    /// As `end`, unless somebody is reading: then what the server sent before it went still counts, and the reader notices.
    public func endUnlessReading(_ ending: Ending) {
        if table.withLock({ !$0.isReading }) { end(ending) }
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
        request.encode(tag: call.tag, into: &call.frame)
        return try finish(call, RawSpan(), within: limit, interruption)
    }

    /// A `Twrite` whose payload is not copied on this side.
    ///
    /// - Returns: how many bytes the server took.
    public func write(
        _ bytes: RawSpan, to fid: Fid, at offset: UInt64, interruption: Interruption? = nil
    ) throws(SessionError) -> Int {
        let call = try begin(Expectation(.write, limit: bytes.byteCount))
        Request.encodeWriteHeader(
            tag: call.tag, fid: fid, offset: offset, byteCount: bytes.byteCount, into: &call.frame)
        guard case .write(let count) = try finish(call, bytes, within: nil, interruption) else {
            throw unexpected()
        }
        return Int(count)
    }

    private func begin(_ expectation: Expectation) throws(SessionError) -> PendingCall {
        try table.withLock { table throws(SessionError) in try table.begin(expectation) }
    }

    private func finish(
        _ call: PendingCall, _ payload: RawSpan, within limit: Duration?, _ interruption: Interruption?
    ) throws(SessionError) -> Reply {
        let serial = call.serial
        interruption?.attach(self, call, serial)
        defer { interruption?.detach() }
        send(call.frame, payload)
        call.frame.removeAll(keepingCapacity: true)
        let surrender = table.withLock { _ in
            call.isSent = true
            return call.surrender
        }
        if let surrender { flush(call, serial, because: surrender) }
        return try awaitOutcome(of: call, serial, within: limit ?? limits.reply)
    }

    /// Whole frames, one after the other, whoever sends them.
    func send(_ frame: [UInt8], _ payload: RawSpan = RawSpan()) {
        precondition(
            frame.count + payload.byteCount <= Int(maximumMessageSize),
            "a request larger than the session's maximum")
        do throws(Errno) {
            try output.withLock { _ throws(Errno) in try stream.write(frame, payload, within: limits.stall) }
        } catch {
            end(error == .brokenPipe || error == .connectionReset ? .hungUp : .system(error))
        }
    }

    // MARK: Waiting

    private enum Turn {
        case done(Result<Reply, SessionError>)
        case read
        case wait
    }

    private func awaitOutcome(
        of call: PendingCall, _ serial: UInt64, within limit: Duration?
    ) throws(SessionError) -> Reply {
        var deadline = limit.map { ContinuousClock.now + $0 }
        while true {
            let turn = table.withLock { table -> Turn in
                if let outcome = table.takeOutcome(of: call) { return .done(outcome) }
                guard !table.isReading else { return .wait }
                table.isReading = true
                return .read
            }
            switch turn {
            case .done(.failure(.refused(.protocolError))):
                // What a server says to a request before Tversion: it was started anew, and knows none of our fids.
                end(.forgotten)
                throw .ended(.forgotten)
            case .done(let outcome): return try outcome.get()
            case .read: read(for: call, until: deadline)
            case .wait: call.parker.park(for: deadline.map { $0 - .now })
            }
            if let passed = deadline, passed <= .now { deadline = giveUp(call, serial) }
        }
    }

    /// The deadline has passed: asks the server to forget the call, and ends the session if it does not answer that.
    private func giveUp(_ call: PendingCall, _ serial: UInt64) -> ContinuousClock.Instant {
        if table.withLock({ _ in call.isBeingFlushed && call.expectation != nil }) {
            end(.system(.timedOut))
        } else {
            flush(call, serial, because: .timedOut)
        }
        return .now + limits.meeting
    }

    /// Reads for everybody until `call` is answered, then leaves it to the next one.
    private func read(for call: PendingCall, until deadline: ContinuousClock.Instant?) {
        input.withLock { reader in
            var isDone = false
            while !isDone {
                switch reader.next(
                    from: stream, maximumMessageSize: maximumMessageSize, within: deadline.map { $0 - .now },
                    stall: limits.stall)
                {
                case .frame(let frame): isDone = take(frame, for: call)
                case .nothingYet: isDone = true
                case .ended(let ending):
                    end(ending)
                    isDone = true
                }
            }
        }
        let successor = table.withLock { table in
            table.isReading = false
            return table.successor()
        }
        successor?.parker.unpark()
    }

    /// Delivers one frame; true when `call` is answered, or the session over.
    private func take(_ frame: [UInt8], for call: PendingCall) -> Bool {
        do {
            let (tag, reply) = try Reply.decode(untrusted: frame)
            let finished = try table.withLock { table throws(ProtocolViolation) in
                try table.deliver(reply, to: tag)
            }
            if let finished, finished !== call { finished.parker.unpark() }
            return finished === call || table.withLock { $0.ending != nil }
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
