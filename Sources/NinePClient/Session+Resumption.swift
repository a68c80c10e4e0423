public import LinuxSystem
public import NineP
internal import Synchronization
internal import SystemPackage

/// Going on after the connection was lost (Documentation/decisions/13).
extension Session {
    /// How a session is attached, once more.
    public struct Attachment: Sendable {
        public let fid: Fid
        public let user: Name
        public let userNumber: UInt32
        /// aname.
        public let tree: Name

        public init(fid: Fid, user: Name, userNumber: UInt32, tree: Name) {
            (self.fid, self.user, self.userNumber, self.tree) = (fid, user, userNumber, tree)
        }
    }

    /// Resumes a session that has lost its connection: asks the server whether it has kept it, and if so has every unanswered
    /// call sent again.
    ///
    /// - Parameters:
    ///   - fid: one that lives as long as the session.
    ///   - qid: the file it leads to.
    /// - Returns: false when the server has not; the stream is of no use then, and the session waits on.
    /// - Throws: `.refused(EBUSY)` while the server has another client, `.timedOut`, `.ended` when this connection ended as
    ///   well: the session waits on.
    /// - Precondition: the session is resumable and waits; one thread at a time.
    public func resume(
        over stream: consuming ByteStream, proving fid: Fid, leadsTo qid: Qid, within limit: Duration
    ) throws(SessionError) -> Bool {
        var reader = FrameReader()
        let request = Request.getattr(fid: fid, mask: .basic)
        let reply = try exchange(
            request, tag: probe.tag, stream, &reader, maximumMessageSize, within: limit)
        switch reply {
        case .getattr(let attributes) where attributes.qid.path == qid.path: break
        case .error(let code) where code == UInt32(Errno.resourceBusy.rawValue): throw .refused(.resourceBusy)
        default: return false
        }
        let number = table.withLock { $0.connection.number + 1 }
        let connection = Connection(number, stream, reader)
        for flush in table.withLock({ $0.looseFlushes.map { ($0.tag, $0.flushes?.tag) } }) {
            if let old = flush.1 { send(Request.flush(oldTag: old).encoded(tag: flush.0), over: connection) }
        }
        let isLast = table.withLock { table in
            table.connection = connection
            let count = table.unanswered.count
            table.phase = .resending(count)
            table.wakeAll()
            return count == 0
        }
        if isLast { finishResending(over: connection) }
        return true
    }

    /// One more call was sent again.
    func sentAgain(over connection: Connection) {
        let isLast = table.withLock { table in
            guard table.connection === connection, case .resending(let count) = table.phase else {
                return false
            }
            table.phase = .resending(count - 1)
            return count == 1
        }
        if isLast { finishResending(over: connection) }
    }

    /// Tells the server that nothing more is sent again; then new calls are.
    private func finishResending(over connection: Connection) {
        table.withLock { _ in barrier.expectation = Expectation(.flush) }
        send(Request.flush(oldTag: .none).encoded(tag: barrier.tag), over: connection)
        table.withLock { table in
            guard table.connection === connection, case .resending = table.phase else { return }
            table.phase = .up
            table.wakeAll()
        }
    }

    /// Begins anew, where the server has forgotten the session: Tversion, Tattach. Every call ends with `.renewed`.
    ///
    /// - Returns: what `attachment` leads to now.
    /// - Throws: as the first meeting and `attach`, and `.refused(EMSGSIZE)` when the server now takes smaller messages: the
    ///   session waits on.
    /// - Precondition: as for `resume`.
    public func renew(
        over stream: consuming ByteStream, attaching attachment: Attachment, within limit: Duration
    ) throws(SessionError) -> Qid {
        var reader = FrameReader()
        let size = try Session.meet(stream, &reader, maximumMessageSize, within: limit)
        guard size == maximumMessageSize else { throw .refused(.messageTooLong) }
        let request = Request.attach(
            fid: attachment.fid, authFid: .none, user: attachment.user, tree: attachment.tree,
            userNumber: attachment.userNumber)
        let reply = try exchange(request, tag: probe.tag, stream, &reader, size, within: limit)
        let qid: Qid
        switch reply {
        case .attach(let attached): qid = attached
        case .error(let code): throw .refused(Errno(untrusted: code))
        default: throw .ended(.violation("another reply than Rattach to Tattach"))
        }
        let number = table.withLock { $0.connection.number + 1 }
        let connection = Connection(number, stream, reader)
        table.withLock { $0.renew(over: connection) }
        return qid
    }

    /// One request and its reply, on a stream that nobody else uses yet.
    private func exchange(
        _ request: Request, tag: Tag, _ stream: borrowing ByteStream, _ reader: inout FrameReader,
        _ size: UInt32, within limit: Duration
    ) throws(SessionError) -> Reply {
        do { try stream.write(request.encoded(tag: tag), within: limit) } catch {
            // It may have said why before it hung up.
            guard error == .brokenPipe || error == .connectionReset else { throw .ended(.system(error)) }
        }
        switch reader.next(from: stream, maximumMessageSize: size, within: limit, stall: limit) {
        case .frame(let frame):
            do {
                let answer = try Reply.decode(untrusted: frame)
                guard answer.tag == tag else {
                    throw ProtocolViolation("a reply with \(answer.tag), which nothing waits for")
                }
                return answer.reply
            } catch { throw .ended(.violation("\(error)")) }
        case .nothingYet: throw .timedOut
        case .ended(let ending): throw .ended(ending)
        }
    }
}

extension Request {
    /// Whether carrying it out twice may differ from once.
    var changes: Bool {
        switch self {
        case .version, .attach, .auth, .flush, .walk, .clunk, .read, .readdir, .getattr, .statfs, .readlink,
            .xattrwalk,
            .getlock, .fsync:
            false
        case .lopen(_, let flags): flags.contains(.truncate)
        default: true
        }
    }
}
