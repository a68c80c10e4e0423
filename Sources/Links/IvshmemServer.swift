import LinuxSystem
import SharedMemory
import SystemPackage

/// The memory served by this process itself: others join over a unix socket, by the protocol of QEMU's ivshmem server, so
/// that a VM's `ivshmem-doorbell` connects straight to it. This process is peer 0.
///
/// The memory lives as long as the port is open; whoever joins again finds it as it was left.
public final class IvshmemServer: SharedMemoryPort {
    private static let listenerToken: UInt64 = 0
    /// So many may have joined at one time.
    static let clientLimit = 16
    /// How long nobody is accepted after that failed for want of descriptors or memory.
    private static let pause = Duration.seconds(1)
    private static let ownNumber = PeerNumber(rawValue: 0)

    /// What is there while the port is open.
    private struct Served: ~Copyable {
        let memory: SealedWindow
        let vectors: [EventCounter]
        let listener: Socket
    }

    private let settings: IvshmemSocketSettings
    private let poller: Poller
    private var served: Served?
    public private(set) var attachment: SharedMemoryAttachment?
    private var isNew = false
    private var clients: [IvshmemClient] = []
    private var lastNumber: UInt16 = 0
    private var pausedUntil: ContinuousClock.Instant?

    public init(_ settings: IvshmemSocketSettings) throws(LinkError) {
        try settings.validate()
        self.settings = settings
        do throws(Errno) { poller = try Poller() } catch {
            throw .system(error, during: "making an ivshmem server")
        }
    }

    deinit { close() }

    public var place: String { settings.socketPath }
    public var pollDescriptor: CInt { poller.rawDescriptor }
    public var nextDeadline: ContinuousClock.Instant? {
        var next = isNew ? .now : pausedUntil
        for client in clients { next = earliest(next, client.deadline) }
        return next
    }

    /// - Throws: `.system` when the socket cannot be listened on, `EADDRINUSE` where somebody does; or without memory.
    public func open() throws(LinkError) {
        guard served == nil else { return }
        do throws(Errno) {
            let listener = try Socket.listening(.stream, at: settings.socketPath, mode: settings.socketMode)
            let memory = try SealedWindow(name: "vop-ivshmem", byteCount: settings.byteCount)
            var vectors: [EventCounter] = []
            for _ in 0..<settings.vectorCount { vectors.append(try EventCounter()) }
            try poller.add(listener.rawDescriptor, .readable, token: Self.listenerToken)
            attachment = SharedMemoryAttachment(
                memory: memory.window, ownNumber: Self.ownNumber, vectors: vectors)
            served = Served(memory: memory, vectors: vectors, listener: listener)
        } catch { throw .system(error, during: "serving ivshmem on \(settings.socketPath)") }
        isNew = true
    }

    public func close() {
        guard served != nil else { return }
        clients = []
        served = nil
        (attachment, pausedUntil) = (nil, nil)
        Socket.remove(at: settings.socketPath)
    }

    public func ring(_ vector: Int, of peer: PeerNumber) {
        guard let client = clients.first(where: { $0.number == peer }),
            client.vectors.indices.contains(vector)
        else { return }
        client.vectors[vector].signalShared()
    }

    public func isPresent(_ peer: PeerNumber) -> Bool? {
        peer == Self.ownNumber || clients.contains { $0.number == peer }
    }

    // MARK: Serving

    public func service() throws(LinkError) -> SharedMemoryPortEvents {
        var events = SharedMemoryPortEvents(change: isNew ? .attached : nil)
        isNew = false
        do throws(Errno) {
            try resumeListening()
            for event in try poller.wait(for: .zero) {
                if event.token == Self.listenerToken {
                    try acceptAll(&events)
                } else if let client = clients.first(where: { UInt64($0.number.rawValue) == event.token }) {
                    serve(client, event.events, &events)
                }
            }
            try watchForRoom()
        } catch { throw .system(error, during: "serving ivshmem on \(settings.socketPath)") }
        for client in clients where client.deadline.map({ $0 <= .now }) ?? false {
            drop(client, "it took nothing for \(settings.answerLimit)", &events)
        }
        return events
    }

    private func serve(_ client: IvshmemClient, _ seen: PollEvents, _ events: inout SharedMemoryPortEvents) {
        do throws(MeetingRefusal) {
            if seen.contains(.writable) { try client.flush() }
            if !seen.isDisjoint(with: [.readable, .hangUp, .peerClosed, .error]) { try client.hear() }
        } catch { drop(client, error.reason, &events) }
    }

    private func watchForRoom() throws(Errno) {
        for client in clients where client.hasUntold != client.isWatchedForRoom {
            client.isWatchedForRoom = client.hasUntold
            try poller.modify(
                client.rawDescriptor,
                client.hasUntold ? [.readable, .peerClosed, .writable] : [.readable, .peerClosed],
                token: UInt64(client.number.rawValue))
        }
    }

    // MARK: Those who come and go

    private func acceptAll(_ events: inout SharedMemoryPortEvents) throws(Errno) {
        do throws(Errno) {
            while let socket = try served?.listener.accept() {
                guard clients.count < Self.clientLimit else {
                    events.notes.append("refused a client: \(Self.clientLimit) have joined already")
                    continue
                }
                try admit(socket, &events)
            }
        } catch {
            events.notes.append("cannot accept on \(settings.socketPath): \(error)")
            if let listener = served?.listener.rawDescriptor { try poller.remove(listener) }
            pausedUntil = .now + Self.pause
        }
    }

    private func resumeListening() throws(Errno) {
        guard let until = pausedUntil, until <= .now else { return }
        pausedUntil = nil
        if let listener = served?.listener.rawDescriptor {
            try poller.add(listener, .readable, token: Self.listenerToken)
        }
    }

    private func admit(_ socket: consuming Socket, _ events: inout SharedMemoryPortEvents) throws(Errno) {
        guard let memory = served?.memory, let own = served?.vectors else { return }
        let client = try IvshmemClient(
            socket, freeNumber(), vectorCount: settings.vectorCount, limit: settings.answerLimit)
        try poller.add(
            client.rawDescriptor, [.readable, .peerClosed], token: UInt64(client.number.rawValue))
        let news = Self.vectors(client.vectors, of: client.number)
        client.tell([
            .number(IvshmemMessage.version), .number(Int64(client.number.rawValue)), .memory(memory),
        ])
        client.tell(Self.vectors(own, of: Self.ownNumber))
        for other in clients {
            client.tell(Self.vectors(other.vectors, of: other.number))
            other.tell(news)
        }
        client.tell(news)
        clients.append(client)
        events.joined.append(client.number)
        events.notes.append("peer \(client.number) joined: \(client.name)")
        flushAll(&events)
    }

    /// The next that nobody has: one that has just gone stays unused for as long as possible.
    private func freeNumber() -> PeerNumber {
        repeat {
            lastNumber = lastNumber == .max ? 1 : lastNumber + 1
        } while clients.contains { $0.number.rawValue == lastNumber }
        return PeerNumber(rawValue: lastNumber)
    }

    private static func vectors(_ counters: [EventCounter], of peer: PeerNumber) -> [IvshmemMessage] {
        counters.map { .vector(peer, $0) }
    }

    private func flushAll(_ events: inout SharedMemoryPortEvents) {
        for client in clients where client.hasUntold {
            do throws(MeetingRefusal) { try client.flush() } catch { drop(client, error.reason, &events) }
        }
    }

    private func drop(_ client: IvshmemClient, _ reason: String, _ events: inout SharedMemoryPortEvents) {
        guard clients.contains(where: { $0 === client }) else { return }
        clients.removeAll { $0 === client }
        // Before it is closed: a copy of it elsewhere would stay in the set.
        do throws(Errno) { try poller.remove(client.rawDescriptor) } catch {}
        events.left.append(client.number)
        events.notes.append("peer \(client.number) left: \(reason)")
        for other in clients { other.tell([.number(Int64(client.number.rawValue))]) }
        flushAll(&events)
    }
}
