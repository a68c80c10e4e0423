import CopyFile
import LinuxSystem
import Logging
import NinePServer
import Synchronization
import SystemPackage

/// Serves 9P to one device's driver, through the copy file of the device's request queue. One session lives from one
/// reset of the device to the next, also when the control tree goes away and comes back in between.
final class QueueCarrier: RequestSource {
    private static let pause = Duration.milliseconds(100)

    let path: String
    private let server: NinePServer
    private let logger: Logger
    /// How long the tree may be away.
    private let patience: Duration
    private let journal: SessionJournal?
    private let turn = Mutex<Turn?>(nil)
    /// Where answers go now.
    private let answers = Mutex<QueueAnswers?>(nil)

    /// - Parameter journal: what is left of an earlier process's session at this queue, and is kept of this one.
    init(
        _ server: NinePServer, path: String, patience: Duration, journal: SessionJournal?, logger: Logger
    ) {
        (self.server, self.path, self.patience, self.journal) = (server, path, patience, journal)
        var logger = logger
        logger[metadataKey: "queue"] = "\(path)"
        self.logger = logger
    }

    /// Serves until the device is removed.
    ///
    /// - Parameter isServing: called when the file is open for the first time, and behaves as a copy file.
    /// - Throws: the tree did not come (back) in time, or is not to be understood.
    func run(isServing: @escaping @Sendable () -> Void) throws(Failure) {
        let file: CopyFileClient
        do throws(Failure) { file = try open(first: true) } catch {
            journal?.removeIfUnused()
            throw error
        }
        let life = Life(self, callByteCount: callByteCount, journal: journal)
        life.session.resume()
        var turn = Turn(file: file, life: life, announcement: isServing)
        turn.reopened(file)
        if !QueueCarrier.hasSomething(file) { turn.announcement.take()?() }
        answers.withLock { $0 = life.answers }
        self.turn.withLock { $0 = turn }
        try Lookout(self, of: server).run()
    }

    /// Takes the chains that are there, and submits their requests.
    func takeIn(on worker: Worker) throws(Failure) -> Bool {
        try turn.withLock { turn throws(Failure) in
            guard var now = turn.take() else { return false }
            defer { turn = now }
            return try takeIn(&now, on: worker)
        }
    }

    private func takeIn(_ turn: inout Turn, on worker: Worker) throws(Failure) -> Bool {
        do throws(CopyFileError) {
            // There is nothing to read, or what was read is a batch.
            guard try turn.file.receive(&turn.receiver) else { return true }
            turn.announcement.take()?()
        } catch {
            return try goOn(after: error, &turn, on: worker)
        }
        turn.life.take(turn.receiver.takeChains(), of: server)
        return true
    }

    private func goOn(
        after error: CopyFileError, _ turn: inout Turn, on worker: Worker
    ) throws(Failure) -> Bool {
        do throws(Errno) { try worker.actAsServer() } catch {
            throw Failure("--copy-file \(path): \(error): a thread cannot act as the server itself")
        }
        switch error {
        case .reset:
            logger.info("the device was reset")
            turn.life.renew(for: self)
            let new = turn.life.answers
            answers.withLock { $0 = new }
            turn.life.reopened(turn.file)
            return true
        case .removed:
            logger.notice("the device was removed")
            turn.life.session.journal?.remove()
            turn.life.end()
            return false
        case .disconnected: logger.notice("the control tree is gone; waiting for it")
        default: throw Failure("--copy-file \(path): \(error)", code: 2)
        }
        server.wakeWorkers()
        turn.reopened(try open(first: false))
        logger.notice("the control tree is back")
        return true
    }

    func sendHeldBack() { answers.withLock { $0 }?.sendHeldBack() }

    /// What is known from one reading to the next.
    private struct Turn {
        var file: CopyFileClient
        var life: Life
        var receiver: ChainReceiver
        var announcement: (@Sendable () -> Void)?

        init(file: CopyFileClient, life: Life, announcement: @escaping @Sendable () -> Void) {
            (self.file, self.life, self.announcement) = (file, life, announcement)
            receiver = ChainReceiver(callByteCount: life.callByteCount, chainByteLimit: life.chainByteLimit)
        }

        mutating func reopened(_ file: CopyFileClient) {
            self.file = file
            receiver = ChainReceiver(callByteCount: life.callByteCount, chainByteLimit: life.chainByteLimit)
            life.reopened(file)
        }
    }

    /// Opens the file, waiting for it while its daemon or its device is not there.
    private func open(first: Bool) throws(Failure) -> CopyFileClient {
        let clock = ContinuousClock()
        let deadline = clock.now + patience
        var isWaiting = false
        while true {
            do throws(Errno) {
                let file = try CopyFileClient(path: path)
                try QueueCarrier.requireWaitable(file)
                return file
            } catch {
                guard QueueCarrier.mayCome(after: error) else {
                    let fault = error == .notPermitted ? "is no copy file" : "\(error)"
                    throw Failure(
                        "--copy-file \(path): \(fault); name a file queues/N/copy of the host's tree that you may open"
                    )
                }
                guard clock.now < deadline else {
                    throw Failure(
                        "--copy-file \(path): \(error) for \(patience); start vophostd, or add the device",
                        code: 3)
                }
                if first, !isWaiting {
                    logger.notice("waiting for the copy file", metadata: ["error": "\(error)"])
                }
                isWaiting = true
            }
            Thread.pause(for: QueueCarrier.pause)
        }
    }

    /// A copy file can be waited for, as ordinary files and directories cannot.
    ///
    /// - Throws: `EPERM`.
    private static func requireWaitable(_ file: CopyFileClient) throws(Errno) {
        try Poller().add(file.rawDescriptor, .readable, token: 0)
    }

    /// Whether reading would not have to wait, or nobody can tell: then the first batch shows that this is a copy file.
    private static func hasSomething(_ file: CopyFileClient) -> Bool {
        guard let poller = try? Poller(),
            (try? poller.add(file.rawDescriptor, .readable, token: 0)) != nil
        else { return true }
        return (try? poller.wait(for: .zero).isEmpty) == false
    }

    private static func mayCome(after error: Errno) -> Bool {
        switch error {
        case .noSuchFileOrDirectory, .socketNotConnected, .connectionAbort, .operationNotSupportedByDevice,
            .interrupted:
            true
        default: false
        }
    }

    /// What one call on this queue may move: the `copy_max` beside the file; where there is none, as for a test's or an
    /// older daemon's, the most there is.
    private var callByteCount: Int {
        let place = path.lastIndex(of: "/").map { path[...$0] } ?? ""
        guard let text = try? ValueFile(reading: place + "copy_max").read(at: 0),
            let stated = Int(String(decoding: text.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
        else { return CopyLimits.callByteCount }
        return min(max(stated, CopyLimits.readMinimum), CopyLimits.callByteCount)
    }

    /// One session, and what of it goes where.
    private struct Life {
        let answers: QueueAnswers
        let session: NinePSession
        let callByteCount: Int
        /// The most a frame, and so a chain's readable part, may have.
        let chainByteLimit: Int
        /// When what an earlier process left may be forgotten: chains that are delivered again come first, but the
        /// daemon may still be putting them back while the first new one is here already.
        private var forgetsAt: ContinuousClock.Instant?

        init(_ carrier: QueueCarrier, callByteCount: Int, journal: SessionJournal?) {
            self.callByteCount = callByteCount
            chainByteLimit = callByteCount - CopyLimits.headerByteCount(recordCount: 1)
            answers = QueueAnswers(callByteCount: callByteCount, logger: carrier.logger) {
                journal?.forget($0)
            }
            session = NinePSession(
                of: carrier.server, to: answers, label: carrier.path,
                counts: carrier.server.counts(of: carrier.path), trust: .anyUser,
                maximumMessageSize: UInt32(chainByteLimit), journal: journal)
        }

        mutating func reopened(_ file: CopyFileClient) {
            answers.reopened(file)
            forgetsAt = .now + .seconds(5)
        }

        /// The caller serves them; what comes together is answered together.
        mutating func take(_ chains: [ReceivedChain], of server: NinePServer) {
            if chains.count > 1 { answers.holdBack() }
            for chain in chains where answers.begin(chain.token, isRedelivered: chain.isRedelivered) {
                KillPoint.reach(.afterTake)
                if !chain.isRedelivered, let time = forgetsAt, time <= .now {
                    forgetsAt = nil
                    session.journal?.forgetAll(but: answers.tokens)
                }
                if !session.hasRoom {
                    server.wakeWorkers()
                    answers.sendHeldBack()
                    answers.waitForRoom { session.hasRoom }
                }
                session.submit(
                    chain.bytes,
                    FrameOrigin(
                        token: chain.token, replyCapacity: Int(chain.writableByteCount),
                        isRedelivered: chain.isRedelivered), isServedByCaller: true)
            }
        }

        /// The device was reset: the next session begins with nothing.
        mutating func renew(for carrier: QueueCarrier) {
            let journal = session.journal?.renewed()
            end()
            self = Life(carrier, callByteCount: callByteCount, journal: journal)
        }

        func end() {
            answers.end()
            session.end()
        }
    }
}
