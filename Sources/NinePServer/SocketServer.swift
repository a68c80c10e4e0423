import LinuxSystem
import Logging
import NineP
import Synchronization
public import SystemPackage

/// Serves 9P on a socket: one loop that accepts clients and takes their frames; the replies come from the server's
/// workers. The caller owns the loop: `run` is to be called from a thread of its choice.
public final class SocketServer: Sendable {
    private static let listenerToken: UInt64 = 0
    private static let wakeToken: UInt64 = 1
    private static let maximumConnectionCount = 1024
    /// After a client could not be accepted: what was missing (descriptors, memory) is missing for a while.
    private static let acceptPause = Duration.milliseconds(250)

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
            server, ownedPath ?? name, trustsAnyUser: trustsAnyUser, journals, grace: grace)
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
        var clients: [UInt64: Client] = [:]
        var door = Door()
        /// Those with perhaps more to read, after everybody had a turn.
        var due: Set<UInt64> = []
        defer {
            withdraw()
            for client in clients.values { end(client, "the server stops", isKept: true) }
        }
        if let only = connected.withLock({ $0.take() }) {
            door.lastNumber += 1
            clients[door.lastNumber] = try welcome(only, door.lastNumber)
            due.insert(door.lastNumber)
        }
        while listener != nil || !clients.isEmpty {
            let pause = [door.opensAgain.map { $0 - .now }, sessions.endOverdue()].compactMap(\.self).min()
            for event in try poller.wait(for: due.isEmpty ? pause : .zero) {
                switch event.token {
                case SocketServer.listenerToken: try acceptAll(&clients, &door)
                case SocketServer.wakeToken: waker.drain()
                default:
                    if event.events.contains(.writable) { clients[event.token]?.connection.flushOutput() }
                    if event.events.contains(.hangUp) { clients[event.token]?.hasHungUp = true }
                    due.insert(event.token)
                }
            }
            let (woken, isStopping) = mailbox.withLock { mailbox in
                defer { mailbox.connections = [] }
                return (mailbox.connections, mailbox.isStopping)
            }
            if isStopping { return }
            try reopen(&door)
            due.formUnion(woken)
            due = due.filter { serve($0, &clients) }
        }
    }

    /// One turn of one client; whether it may have more.
    private func serve(_ number: UInt64, _ clients: inout [UInt64: Client]) -> Bool {
        guard var client = clients.removeValue(forKey: number) else { return false }
        if let reason = client.connection.reasonToDrop {
            end(client, reason, isClientsFault: true)
            return false
        }
        do throws(FrameError) {
            let (connection, peer) = (client.connection, client.peer)
            let turn = try connection.takeFrames(into: &client.input, for: &client.session) {
                sessions.session(beginningWith: $0, from: peer, connection)
            }
            switch turn {
            case .yields:
                clients[number] = client
                return true
            case .waits where !client.hasHungUp: clients[number] = client
            case .waits, .ended: end(client, "the client hung up")
            }
            return false
        } catch {
            end(client, "\(error)", isClientsFault: true)
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
        let connection = SocketConnection(number, socket) { [weak self] number in self?.wake(number) }
        // Edges: told once that there is something, the loop reads until there is nothing.
        try poller.add(
            connection.socket.rawDescriptor, [.readable, .writable, .peerClosed, .edgeTriggered],
            token: number)
        server.logger.info(
            "client connected",
            metadata: [
                "client": "\(number)", "process": "\(peer.map { String($0.process) } ?? "unknown")",
                "user": "\(peer.map { String($0.user) } ?? "unknown")",
                "place": "\(place?.description ?? name)",
            ])
        return Client(connection: connection, peer: peer)
    }

    private func end(
        _ client: Client, _ reason: String, isClientsFault: Bool = false, isKept: Bool = false
    ) {
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
