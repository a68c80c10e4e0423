import LinuxSystem
import Logging
import NineP
import Synchronization
public import SystemPackage

/// Serves 9P on a socket: one loop that accepts clients, takes their frames and serves them, see `Lookout`. The
/// caller owns the loop: `run` is to be called from a thread of its choice.
public final class SocketServer: RequestSource {
    private static let listenerToken: UInt64 = 0
    private static let wakeToken: UInt64 = 1
    private static let maximumConnectionCount = 1024
    /// After a client could not be accepted: what was missing (descriptors, memory) is missing for a while.
    private static let acceptPause = Duration.milliseconds(250)
    /// Replies that may wait in a client's socket.
    private static let sendRoom = 1 << 20

    private let server: NinePServer
    /// Where: as its source says.
    public let name: String
    private let ownedPath: String?
    private let knowsPeers: Bool
    private let listener: Socket?
    /// The only client there is, until it is served.
    private let connected: Mutex<Socket?>
    private let poller: Poller
    private let waker: EventCounter
    private let mailbox = Mutex(Mailbox())
    private let sessions: SocketSessions
    private let loop = Mutex(Loop())
    /// Those whose replies wait for each other.
    private let heldBack = Mutex<[SocketConnection]>([])

    private struct Mailbox {
        var connections: [UInt64] = []
        var isStopping = false
    }

    /// Whether clients are let in. The listener stays readable while one waits: watched all the same when none can be
    /// accepted, it would wake the loop for ever.
    private struct Door {
        var lastNumber = SocketServer.wakeToken
        var opensAgain: ContinuousClock.Instant?
        var isKnownShut = false
    }

    /// What the loop knows from one turn to the next.
    private struct Loop {
        var clients: [UInt64: Client] = [:]
        var door = Door()
        /// Those with perhaps more to read, after everybody had a turn.
        var due: Set<UInt64> = []
        /// The client that asked last, and how often in a row nobody else was looked at.
        var latest: UInt64 = 0
        var looks = 1
        var readiness = Readiness()
    }

    private struct Client {
        let connection: SocketConnection
        /// `nil` where the kernel cannot say.
        let peer: Socket.Credentials?
        var session: NinePSession?
        var input = FrameInput()
        var hasHungUp = false
    }

    /// - Parameters:
    ///   - trustsAnyUser: whether each client may speak for any user. Otherwise only root and this process's own
    ///     user may; everybody else only for themselves, and who they are nobody can say for nobody.
    ///   - journals: where sessions are kept for a successor of this process, for `grace` after it has begun.
    public init(
        _ server: NinePServer, _ source: consuming ClientSource, trustsAnyUser: Bool = false,
        journals: JournalDirectory? = nil, grace: Duration = .seconds(60)
    ) throws(Errno) {
        (self.server, name, ownedPath, knowsPeers) = (
            server, source.name, source.ownedPath, source.knowsPeers
        )
        poller = try Poller()
        waker = try EventCounter()
        sessions = SocketSessions(
            server, ownedPath ?? name, server.counts(of: name), trustsAnyUser: trustsAnyUser, journals,
            grace: grace)
        switch source.kind {
        case .listening:
            listener = consume source.socket
            connected = Mutex(nil)
        case .connected:
            listener = nil
            connected = Mutex(consume source.socket)
        }
        try watchListener(.readable, isNew: true)
        try poller.add(waker.rawDescriptor, .readable, token: SocketServer.wakeToken)
    }

    private func watchListener(_ events: PollEvents, isNew: Bool = false) throws(Errno) {
        switch listener {
        case .some(let listener) where isNew:
            try poller.add(listener.rawDescriptor, events, token: SocketServer.listenerToken)
        case .some(let listener):
            try poller.modify(listener.rawDescriptor, events, token: SocketServer.listenerToken)
        case nil: return
        }
    }

    /// Ends `run`. From any thread, at any time.
    public func stop() {
        mailbox.withLock { $0.isStopping = true }
        waker.signal()
    }

    /// Takes the socket's file away: by `run` at its end, else by who made this and does not run it.
    public func withdraw() { if let ownedPath { Socket.remove(at: ownedPath) } }

    /// Serves until `stop`, or until its only client has hung up; then every client is hung up on and the socket's
    /// file is gone.
    ///
    /// - Throws: the errno of waiting, which no client can cause.
    public func run() throws(Errno) {
        defer {
            withdraw()
            for client in loop.withLock(\.clients).values { end(client, "the server stops", isKept: true) }
        }
        if let only = connected.withLock({ $0.take() }) {
            let number = SocketServer.wakeToken + 1
            let client = try welcome(only, number)
            loop.withLock { loop in
                loop.door.lastNumber = number
                loop.clients[number] = client
                loop.due.insert(number)
            }
        }
        try Lookout(self, of: server).run()
    }

    public func takeIn(on worker: Worker) throws(Errno) -> Bool {
        try loop.withLock { loop throws(Errno) in try takeIn(&loop, on: worker) }
    }

    private func takeIn(_ loop: inout Loop, on worker: Worker) throws(Errno) -> Bool {
        guard listener != nil || !loop.clients.isEmpty else { return false }
        if loop.readiness.limit > .zero, loop.due.isEmpty, looksOn(&loop, on: worker) { return true }
        let pause = [loop.door.opensAgain.map { $0 - .now }, sessions.endOverdue(on: worker)]
            .compactMap(\.self).min()
        let waits = loop.due.isEmpty && (loop.looks > 0 || loop.readiness.limit == .zero)
        if waits { loop.readiness.willSleep() }
        for event in try poller.wait(for: waits ? pause : .zero) {
            switch event.token {
            case SocketServer.listenerToken: try acceptAll(&loop.clients, &loop.door)
            case SocketServer.wakeToken: waker.drain()
            default:
                if event.events.contains(.writable) { loop.clients[event.token]?.connection.flushOutput() }
                if event.events.contains(.hangUp) { loop.clients[event.token]?.hasHungUp = true }
                if !event.events.isDisjoint(with: [.hangUp, .peerClosed, .error]) {
                    loop.clients[event.token]?.input.mayHaveEnded = true
                }
                loop.clients[event.token]?.input.wasTold()
                loop.due.insert(event.token)
                loop.readiness.wasWoken()
            }
        }
        let (woken, isStopping) = mailbox.withLock { mailbox in
            defer { mailbox.connections = [] }
            return (mailbox.connections, mailbox.isStopping)
        }
        if isStopping { return false }
        try reopen(&loop.door)
        loop.due.formUnion(woken)
        loop.due = loop.due.filter { number in
            loop.latest = number
            return serve(number, &loop.clients, on: worker)
        }
        return true
    }

    /// Others are looked at after so many requests of one.
    private static let looksInARow = 16

    /// Looks for more from the client that asked last.
    ///
    /// - Returns: whether there was something.
    private func looksOn(_ loop: inout Loop, on worker: Worker) -> Bool {
        loop.looks = (loop.looks + 1) % SocketServer.looksInARow
        guard loop.looks > 0 else { return false }
        let end = ContinuousClock.now + loop.readiness.limit
        while let connection = loop.clients[loop.latest]?.connection, !connection.isPaused {
            if loop.clients[loop.latest]?.input.hasMore(from: connection.socket) == true {
                loop.readiness.wasMet()
                if serve(loop.latest, &loop.clients, on: worker) { loop.due.insert(loop.latest) }
                return true
            }
            guard ContinuousClock.now < end else { break }
        }
        loop.readiness.wasMissed()
        return false
    }

    public func sendHeldBack() {
        let connections = heldBack.withLock { heldBack in
            defer { heldBack = [] }
            return heldBack
        }
        for connection in connections { connection.sendHeldBack() }
    }

    /// One turn of one client; whether it may have more.
    private func serve(_ number: UInt64, _ clients: inout [UInt64: Client], on worker: Worker) -> Bool {
        guard var client = clients.removeValue(forKey: number) else { return false }
        if let reason = client.connection.reasonToDrop {
            end(client, reason, isClientsFault: true, on: worker)
            return false
        }
        do throws(FrameError) {
            let (connection, peer) = (client.connection, client.peer)
            let turn = try connection.takeFrames(
                into: &client.input, for: &client.session, hasHungUp: client.hasHungUp
            ) { frame in
                guard worker.actsAsServer(or: server.logger) else { return nil }
                return sessions.session(beginningWith: frame, from: peer, connection)
            } holdBack: {
                connection.holdBack()
                heldBack.withLock { $0.append(connection) }
            }
            switch turn {
            case .yields:
                clients[number] = client
                return true
            case .waits: clients[number] = client
            case .ended: end(client, "the client hung up", on: worker)
            }
            return false
        } catch {
            end(client, "\(error)", isClientsFault: true, on: worker)
            return false
        }
    }

    private func nextClient() throws(Errno) -> Socket? {
        switch listener {
        case .some(let listener): try listener.accept()
        case nil: nil
        }
    }

    private func acceptAll(_ clients: inout [UInt64: Client], _ door: inout Door) throws(Errno) {
        do throws(Errno) {
            while let socket = try nextClient() {
                guard clients.count < SocketServer.maximumConnectionCount else {
                    server.logger.warning("client refused: there are \(clients.count) already")
                    continue
                }
                door.lastNumber += 1
                clients[door.lastNumber] = try welcome(socket, door.lastNumber)
                door.isKnownShut = false
            }
        } catch {
            if !door.isKnownShut {
                server.logger.warning("no client accepted for now", metadata: ["error": "\(error)"])
            }
            door.isKnownShut = true
            door.opensAgain = .now + SocketServer.acceptPause
            try watchListener([])
        }
    }

    private func reopen(_ door: inout Door) throws(Errno) {
        guard let time = door.opensAgain, time <= .now else { return }
        door.opensAgain = nil
        try watchListener(.readable)
    }

    private func welcome(_ socket: consuming Socket, _ number: UInt64) throws(Errno) -> Client {
        let peer = knowsPeers ? try socket.peerCredentials() : nil
        let place = TCPPlace.of(socket, peer: true)
        let connection = SocketConnection(number, socket) { [weak self] number in
            self?.wake(number)
        } awaitRoom: { [weak self] connection, awaitsRoom in
            self?.watch(connection, awaitsRoom: awaitsRoom)
        }
        connection.socket.makeSendRoom(
            byteCount: min(SocketServer.sendRoom, Int(server.options.maximumMessageSize)))
        try poller.add(connection.socket.rawDescriptor, SocketServer.input, token: number)
        server.logger.info(
            "client connected",
            metadata: [
                "client": "\(number)", "process": "\(peer.map { String($0.process) } ?? "unknown")",
                "user": "\(peer.map { String($0.user) } ?? "unknown")",
                "place": "\(place?.description ?? name)",
            ])
        return Client(connection: connection, peer: peer)
    }

    /// Edges: told once that there is something, the loop reads until there is nothing.
    private static let input: PollEvents = [.readable, .peerClosed, .edgeTriggered]

    /// Room in the socket is watched only while it is waited for: each reply that a client reads makes some.
    private func watch(_ connection: SocketConnection, awaitsRoom: Bool) {
        let events = awaitsRoom ? SocketServer.input.union(.writable) : SocketServer.input
        do throws(Errno) {
            try poller.modify(connection.socket.rawDescriptor, events, token: connection.number)
        } catch { connection.drop(because: "its socket cannot be waited for: \(error)") }
    }

    private func end(
        _ client: Client, _ reason: String, isClientsFault: Bool = false, isKept: Bool = false,
        on worker: Worker? = nil
    ) {
        // What it leaves behind is the server's own.
        _ = worker?.actsAsServer(or: server.logger)
        (client.session?.logger ?? server.logger).log(
            level: isClientsFault ? .notice : .info, "client gone", metadata: ["reason": "\(reason)"])
        // Closing takes it out as well.
        try? poller.remove(client.connection.socket.rawDescriptor)
        client.connection.close()
        client.session?.end(isKept: isKept)
        if !isKept { client.session?.journal?.remove() }
    }

    private func wake(_ number: UInt64) {
        mailbox.withLock { $0.connections.append(number) }
        waker.signal()
    }
}
