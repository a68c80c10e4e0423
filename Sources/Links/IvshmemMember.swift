import LinuxSystem
import SharedMemory
import SystemPackage

/// The memory that somebody else's process serves, joined over its unix socket by the protocol of QEMU's ivshmem server.
/// When the server is gone so is what it served: this side lets go of it, and joins the next.
public final class IvshmemMember: SharedMemoryPort {
    private let settings: IvshmemSocketSettings
    private let poller: Poller
    private var isOpen = false
    private var connection: IvshmemConnection?
    private var retry: RetryPace
    /// Said once, not at every attempt.
    private var lastNote = ""

    public init(_ settings: IvshmemSocketSettings) throws(LinkError) {
        try IvshmemSocketSettings.validate(socketPath: settings.socketPath, mode: settings.socketMode)
        self.settings = settings
        retry = RetryPace(first: settings.firstRetry, longest: settings.longestRetry)
        do throws(Errno) { poller = try Poller() } catch {
            throw .system(error, during: "looking for an ivshmem server at \(settings.socketPath)")
        }
    }

    public var place: String { settings.socketPath }
    public var pollDescriptor: CInt { poller.rawDescriptor }
    public var nextDeadline: ContinuousClock.Instant? {
        if let connection { connection.deadline } else { retry.next }
    }
    public var attachment: SharedMemoryAttachment? { connection?.attachment }

    public func open() {
        guard !isOpen else { return }
        isOpen = true
        retry.restart()
    }

    public func close() {
        isOpen = false
        disconnect()
        retry.stop()
    }

    public func ring(_ vector: Int, of peer: PeerNumber) { connection?.ring(vector, of: peer) }
    public func isPresent(_ peer: PeerNumber) -> Bool? { connection?.isPresent(peer) ?? false }

    public func service() throws(LinkError) -> SharedMemoryPortEvents {
        var events = SharedMemoryPortEvents()
        guard isOpen else { return events }
        do throws(MeetingRefusal) {
            if connection == nil, retry.isDue {
                retry.tried()
                try connect()
            }
            try connection?.hear(&events)
            if events.change == .attached { lastNote = "" }
        } catch { fail(error, &events) }
        return events
    }

    private func connect() throws(MeetingRefusal) {
        do throws(Errno) {
            let socket = try Socket.connected(.stream, to: settings.socketPath)
            try poller.add(socket.rawDescriptor, [.readable, .peerClosed], token: 0)
            connection = IvshmemConnection(socket, limit: settings.answerLimit)
        } catch { throw MeetingRefusal("\(error)") }
    }

    private func fail(_ refusal: MeetingRefusal, _ events: inout SharedMemoryPortEvents) {
        let reason = "the ivshmem server at \(settings.socketPath): \(refusal.reason)"
        if connection?.attachment != nil {
            // What came with it holds no more.
            events = SharedMemoryPortEvents(change: .lost(reason))
            retry.restart()
        } else if reason != lastNote {
            events.notes.append(reason)
            lastNote = reason
        }
        disconnect()
    }

    private func disconnect() {
        if let connection {
            do throws(Errno) { try poller.remove(connection.rawDescriptor) } catch {}
        }
        connection = nil
    }
}
