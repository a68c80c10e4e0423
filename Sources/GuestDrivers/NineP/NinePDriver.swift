import LinuxSystem
import NineP
import SharedMemory
import SystemPackage
public import VOPGuest
import Virtio
import Virtqueue

/// Drives a 9p device: what it gives to its users is a unix stream socket that speaks 9P, for the kernel's v9fs
/// (`trans=unix`) or any other client.
///
/// ```
///   client ──T frame──► socket ──► guest window ──chain──► device
///          ◄──R frame── socket ◄── guest window ◄──used──
/// ```
/// A device carries one session, so the socket takes one client at a time. Requests go out as they come, many at once;
/// replies go back whole, in the order the device gives them. When the client hangs up its session is kept for a while, if
/// its process may come back for it; then the driver sends a Tversion of its own, so that fids and locks go, and takes the
/// next client when the device has answered everything.
final class NinePDriver: GuestDriver {
    enum Phase {
        case idle
        case client(NinePClientConnection)
        /// The client is gone; its session is kept for it.
        case away
        /// The client is gone; the device is made to forget it.
        case ending(SessionEnd)
    }

    struct SessionEnd {
        let deadline: ContinuousClock.Instant
        var isSent = false
        var isAnswered = false
    }

    static let listenerToken: UInt64 = 0
    static let clientToken: UInt64 = 1
    /// The process whose session is kept.
    static let peerToken: UInt64 = 2
    /// So many rounds are made in one `service()`; then others have their turn.
    static let roundBudget = 8
    static let refusedMaximum = 8

    let settings: NinePSettings
    let socketPath: String
    let tag: MountTag
    let queue: GuestQueue
    let poller: Poller
    let listener: Socket
    /// The most a session can have: what queue, window and copy file carry.
    let messageSizeMaximum: UInt32

    var pool: BufferPool
    var requests: RequestTable
    var phase = Phase.idle
    var refused: [RefusedClient] = []
    var nextToken: UInt64 = 3
    /// While its client is away, or is coming back.
    var kept: KeptSession?
    /// The device may have fids and locks of a client.
    var isDirty = false
    /// Since when there is more to do, though nothing will be readable. An instant that stays: a deadline of "now" is
    /// always a little later than the time it is compared with.
    var moreToDoSince: ContinuousClock.Instant?
    /// Our own Tversion and its answer, set aside so that a session can always be ended.
    let endRequest: GuestBuffer
    let endReply: GuestBuffer
    var isListening = true
    var acceptsAgain: ContinuousClock.Instant?

    /// What it must know after a SIGKILL.
    let log: RequestLog?

    /// - Parameter memory: what it has of the guest's window.
    /// - Throws: `.unsuitable` for a queue of one entry, `.system` when the socket cannot be made.
    init(
        _ device: BoundDevice, _ memory: NinePMemory, log: RequestLog?, tag: MountTag, socketPath: String,
        settings: NinePSettings
    ) throws(GuestDriverError) {
        let queue = device.queues[0]
        guard queue.ring.size.count >= 2 else {
            throw .unsuitable("a 9p device needs a queue of at least 2 entries; this one has 1")
        }
        self.queue = queue
        self.tag = tag
        self.socketPath = socketPath
        self.settings = settings
        endRequest = memory.endRequest
        endReply = memory.endReply
        pool = memory.pool
        self.log = log
        requests = RequestTable(capacity: queue.ring.size.count, log: log)
        let carried = min(
            UInt64(min(settings.messageSizeMaximum, NinePSettings.messageSizeLimit)),
            pool.buffer.range.byteCount / 4)
        messageSizeMaximum = max(UInt32(carried), Protocol9P.minimumMessageSize)
        do throws(Errno) {
            poller = try Poller()
            listener = try Socket.listening(.stream, at: socketPath, mode: settings.mode)
            try poller.add(listener.rawDescriptor, .readable, token: Self.listenerToken)
        } catch { throw .system(error, during: "listening on \(socketPath)") }
    }

    // MARK: The loop

    var pollDescriptor: CInt? { poller.rawDescriptor }
    var isHostAwaited: Bool { !requests.isEmpty }

    var nextDeadline: ContinuousClock.Instant? {
        if let moreToDoSince { return moreToDoSince }
        var deadlines = refused.map(\.deadline) + [acceptsAgain].compactMap { $0 }
        if let kept, isKeeping { deadlines.append(kept.deadline) }
        // When clients are refused in the end, we have to look at the socket again.
        if case .ending(let end) = phase, !isListening, refused.count < Self.refusedMaximum {
            deadlines.append(end.deadline)
        }
        return deadlines.min()
    }

    func service() throws(GuestDriverError) {
        moreToDoSince = nil
        do throws(Errno) {
            try serviceSockets()
        } catch { throw .system(error, during: "serving \(socketPath)") }
        for _ in 0..<Self.roundBudget {
            try takeReplies()
            writeReplies()
            readRequests()
            endSession()
            queue.publish()
            guard queue.ring.enableNotifications() else { return watch() }
        }
        moreToDoSince = .now
        watch()
    }

    func stop() {
        if case .client(let client) = phase { unwatch(client.socket.rawDescriptor) }
        phase = .idle
        kept = nil
        log?.end()
        refused = []
        if isListening { unwatch(listener.rawDescriptor) }
        isListening = false
        Socket.remove(at: socketPath)
    }

    var outputs: [DriverOutput] {
        [DriverOutput("socket", socketPath), DriverOutput("tag", tag.fileName)]
    }

    /// Whether the session that is kept waits for its client.
    var isKeeping: Bool {
        switch phase {
        case .away: true
        case .client(let client): client.standing == .candidate
        case .idle, .ending: false
        }
    }

    func unwatch(_ descriptor: CInt) {
        do throws(Errno) { try poller.remove(descriptor) } catch { return }
    }
}

extension GuestDriverKind {
    /// The 9p driver.
    ///
    /// - Parameter socketPath: where the socket of a device is to be, by the device's name and its mount tag (as a file
    ///   name); `nil` for `<tag>.sock` in the settings' directory.
    public static func ninep(
        _ settings: NinePSettings,
        socketPath: @escaping (_ device: String, _ tag: String) -> String? = { _, _ in nil }
    ) -> GuestDriverKind {
        let path = { (device: BoundDevice, tag: MountTag) in
            socketPath(device.name, tag.fileName) ?? "\(settings.directory)/\(tag.fileName).sock"
        }
        return GuestDriverKind(name: "9p", type: .ninep, features: .ninepMountTag, queueCount: 1) {
            device throws(GuestDriverError) in
            let tag = try Self.tag(of: device)
            let log = device.record(byteCount: RequestLog.byteCount).map(RequestLog.init)
            log?.begin(life: device.life)
            return try NinePDriver(
                device, try NinePMemory(in: device, settings), log: log, tag: tag,
                socketPath: path(device, tag),
                settings: settings)
        } resume: { device throws(GuestDriverError) in
            guard let memory = NinePMemory(earlier: device),
                let log = device.record(byteCount: RequestLog.byteCount).map(RequestLog.init),
                log.life == device.life
            else { return nil }
            let tag = try Self.tag(of: device)
            let driver = try NinePDriver(
                device, memory, log: log, tag: tag, socketPath: path(device, tag), settings: settings)
            guard try driver.resume() else {
                driver.stop()
                return nil
            }
            return driver
        }
    }

    private static func tag(of device: BoundDevice) throws(GuestDriverError) -> MountTag {
        let hasTag = device.negotiated.contains(.ninepMountTag)
        let stated = hasTag ? try MountTag(untrusted: device.config()) : MountTag(device.name)
        return stated.bytes.isEmpty ? MountTag(device.name) : stated
    }
}
