public import LinuxSystem
import Logging
import NineP
import Synchronization
import SystemPackage

/// One client's session: its fids, its requests in flight, and the order they are answered in.
///
/// ```
/// carrier: submit(frame) ──► Job in the lines of its fids ──► worker: execute ──► ReplySink.send ──► carrier
///                                │ Tflush: not begun: taken out, Rflush at once                │
///                                │         begun: Rold first, then Rflush ◄────────────────────┘
///                                │ Tversion: waits until nothing runs, ends all fids, Rversion
/// ```
///
/// `submit` never blocks. The carrier asks `hasRoom` before it takes the next frame from the client, so that one
/// that does not read its replies, or asks for too much at once, holds up only itself.
public final class NinePSession: Sendable {
    struct State {
        var jobs: [Tag: Job] = [:]
        var order = FidOrder()
        /// Requests begun and not yet answered.
        var runningCount = 0
        /// Requests that arrived and were not answered or withdrawn yet, and what they take.
        var pendingCount = 0
        var pendingCost = 0
        /// A Tversion that waits until nothing runs.
        var renewal: Job?
        /// Whether a worker was given that Tversion.
        var isRenewing = false
        /// What arrived behind that Tversion.
        var held: [Job] = []
        var hasEnded = false
    }

    let server: NinePServer
    let sink: any ReplySink
    let trust: Accounts.Trust
    let label: String
    let counts: PlaceCounts
    let fids: FidTable
    let lockQuota: LockQuota
    let logger: Logger
    /// What the carrier takes at most.
    let carrierMessageSize: UInt32
    /// As agreed by Tversion, zero before that.
    let messageSize = Atomic<UInt32>(0)
    let state = Mutex(State())
    /// What of it outlives this process.
    public let journal: SessionJournal?
    /// Keep what is written down of an attribute's value, and of locks, in the order it happened.
    let xattrTurn = Mutex(())
    let lockTurn = Mutex(())
    let attachments = Mutex<[String: Attachment]>([:])
    /// The process whose session it is, where the carrier knows: only that one may go on with it.
    let client: ProcessMark?
    let clientUser: UInt32

    /// - Parameters:
    ///   - label: names the client in the log.
    ///   - counts: of the place the client came to.
    ///   - trust: which users the client may speak for.
    ///   - maximumMessageSize: what the carrier takes; the server's own limit holds as well.
    ///   - journal: the session's own, for `resume`; without one it ends with this process.
    public init(
        of server: NinePServer, to sink: any ReplySink, label: String, counts: PlaceCounts,
        trust: Accounts.Trust,
        maximumMessageSize: UInt32 = .max, journal: SessionJournal? = nil, client: ProcessMark? = nil,
        clientUser: UInt32 = 0
    ) {
        (self.journal, self.client, self.clientUser) = (journal, client, clientUser)
        (self.server, self.sink, self.label, self.counts, self.trust) = (server, sink, label, counts, trust)
        carrierMessageSize = min(maximumMessageSize, server.options.maximumMessageSize)
        fids = FidTable(
            capacity: server.options.fidsPerClient, xattrCapacity: server.options.xattrBytesPerClient)
        lockQuota = LockQuota(server.options.locksPerClient)
        var logger = server.logger
        logger[metadataKey: "client"] = "\(label)"
        self.logger = logger
        server.register(self)
    }

    deinit { server.unregister(ObjectIdentifier(self)) }

    static let firstFrameByteCount: UInt32 = 8192

    /// The largest frame the client may send now.
    public var maximumFrameByteCount: UInt32 {
        let agreed = messageSize.load(ordering: .relaxed)
        return agreed == 0
            ? min(carrierMessageSize, NinePSession.firstFrameByteCount)
            : max(agreed, Protocol9P.minimumMessageSize)
    }

    /// Whether the carrier may take the next frame. It becomes true again by a call of the sink.
    public var hasRoom: Bool {
        let options = server.options
        return state.withLock {
            $0.pendingCount < options.requestsPerClient && $0.pendingCost < options.bytesPerClient
        }
    }

    /// Takes one frame in. The reply comes through the sink, perhaps before this returns.
    ///
    /// - Parameter isServedByCaller: no worker is woken for it; see `Lookout`.
    public func submit(
        _ frame: [UInt8], _ origin: FrameOrigin = FrameOrigin(), isServedByCaller: Bool = false
    ) {
        do throws(FrameError) {
            let (tag, request) = try Request.decode(untrusted: frame)
            admit(
                Job(self, tag, request, origin, frame: frame, cost: frame.count + replyCost(of: request)),
                wakes: !isServedByCaller)
        } catch {
            counts.noteMalformed()
            guard let tag = error.tag else { return sink.drop(because: "\(error)") }
            logger.debug("malformed request", metadata: ["error": "\(error)"])
            let frame = Reply.error(code: error.errorCode).encoded(tag: tag)
            if frame.count <= origin.replyCapacity {
                sink.send(frame, for: origin.token)
            } else {
                sink.withdraw(origin.token)
            }
        }
    }

    /// The client is gone: nothing is answered any more, fids and locks go when what runs has finished.
    ///
    /// - Parameter isKept: another process may go on with it; it is this one that ends.
    public func end(isKept: Bool = false) {
        if !isKept { journal?.end() }
        let isIdle = state.withLock { state in
            guard !state.hasEnded else { return false }
            state.hasEnded = true
            _ = state.cancelWaiting()
            for job in state.held { job.stage = .cancelled }
            state.held = []
            state.renewal = nil
            return state.runningCount == 0
        }
        if isIdle { server.pool.submit(SessionCleaning(self)) }
    }

    private func replyCost(of request: Request) -> Int {
        switch request {
        case .read(_, _, let count), .readdir(_, _, let count):
            Int(min(count, messageSize.load(ordering: .relaxed)))
        default: 256
        }
    }
}

/// Ends every fid of a session that nobody uses any more.
final class SessionCleaning: Work {
    private let session: NinePSession

    init(_ session: NinePSession) { self.session = session }

    func run(on worker: Worker) { session.endAllFids(on: worker) }
}
