import LinuxSystem
public import SharedMemory
import SystemPackage
public import Virtio

/// A link between two processes of one machine: each side's memory is a sealed memfd, its doorbells are eventfds, and
/// a unix socket is where they meet (`abi/include/vop/meeting.h`). The seals make sure that no mapping can lose its
/// pages, so no access to a window ends in SIGBUS.
///
/// Either side may start first, and either may be killed and started again: the other notices at once, is `waiting`,
/// and meets it afresh, with new windows.
public final class SharedMemoryLink: Link {
    private static let meetingToken = UInt64.max
    private static let peerToken = UInt64.max - 1

    public let side: Side
    public let kind = "shm"
    public let settings: SharedMemorySettings
    public private(set) var state = LinkState.down
    public let counters = LinkCounters()

    private let poller: Poller
    private var meeting: (any Meeting)?
    private var peer: MetPeer?
    private var doorbells: DoorbellUse

    /// - Throws: `.configuration` for a setting that is out of range, `.system` when there are no descriptors.
    public init(_ side: Side, _ settings: SharedMemorySettings) throws(LinkError) {
        try settings.validate()
        self.side = side
        self.settings = settings
        doorbells = DoorbellUse(count: settings.doorbellCount)
        do throws(Errno) {
            poller = try Poller()
        } catch { throw .system(error, during: "making an shm link") }
    }

    deinit { stop() }

    public func start() throws(LinkError) {
        guard state == .down else { return }
        let meeting: any Meeting =
            switch side {
            case .host: try HostMeeting(settings, crossing: counters.crossing)
            case .guest: try GuestMeeting(settings, crossing: counters.crossing)
            }
        try watch(meeting.pollDescriptor, Self.meetingToken)
        self.meeting = meeting
        state = .waiting
    }

    public func stop() {
        if let meeting { unwatch(meeting.pollDescriptor) }
        meeting?.close()
        meeting = nil
        letGo()
        state = .down
    }

    public var pollDescriptor: CInt { poller.rawDescriptor }
    public var nextDeadline: ContinuousClock.Instant? { meeting?.nextDeadline }

    public func service() throws(LinkError) -> LinkEvents {
        var events = LinkEvents()
        guard let meeting else { return events }
        var hungUp: String?
        for event in try ready() {
            switch event.token {
            case Self.peerToken: hungUp = peer?.socket.hungUp()
            case Self.meetingToken: continue
            default: take(event.token, &events.doorbells)
            }
        }
        if let hungUp {
            letGo()
            meeting.peerLeft()
            return LinkEvents(peer: .gone(hungUp))
        }
        peer?.header.answerPing()
        let progress = try meeting.service(isBusy: peer != nil)
        events.notes = progress.notes
        if let met = progress.met {
            try hold(met)
            events.peer = .arrived
        }
        return events
    }

    // MARK: The peer

    private func hold(_ met: MetPeer) throws(LinkError) {
        doorbells = DoorbellUse(count: min(met.ownDoorbells.count, met.peerDoorbells.count))
        peer = met
        state = .up
        do throws(LinkError) {
            try watch(met.socket.rawDescriptor, Self.peerToken)
            for (index, doorbell) in met.ownDoorbells.enumerated() {
                try watch(doorbell.rawDescriptor, UInt64(index))
            }
        } catch {
            letGo()
            meeting?.peerLeft()
            throw error
        }
    }

    private func letGo() {
        guard let peer else { return }
        // A closed descriptor stays in an epoll set while somebody else holds the same open file, and the peer does.
        unwatch(peer.socket.rawDescriptor)
        for doorbell in peer.ownDoorbells { unwatch(doorbell.rawDescriptor) }
        self.peer = nil
        state = .waiting
    }

    private func ready() throws(LinkError) -> [Poller.Event] {
        do throws(Errno) {
            return try poller.wait(for: .zero)
        } catch { throw .system(error, during: "waiting on an shm link") }
    }

    private func watch(_ descriptor: CInt, _ token: UInt64) throws(LinkError) {
        do throws(Errno) {
            try poller.add(descriptor, [.readable, .peerClosed], token: token)
        } catch { throw .system(error, during: "watching an shm link") }
    }

    private func unwatch(_ descriptor: CInt) {
        do throws(Errno) { try poller.remove(descriptor) } catch { return }
    }

    // MARK: Memory

    public var addressSpace: AddressSpace { peer?.windows.all ?? AddressSpace() }
    public func windows(of side: Side) -> AddressSpace { peer?.windows.windows(of: side) ?? AddressSpace() }
    public var devicePageAddress: UInt64 { peer?.windows.devicePageAddress ?? 0 }

    public func allocate(byteCount: Int, alignment: Int) throws(LinkError) -> PeerRange {
        guard let range = try peer?.windows.allocate(byteCount: byteCount, alignment: alignment) else {
            throw .notUp
        }
        return range
    }

    public func free(_ range: PeerRange) { peer?.windows.free(range) }

    // MARK: Doorbells

    /// While met, what both sides have.
    public var doorbellCount: Int { doorbells.count }
    public func allocateDoorbell() -> DoorbellNumber { doorbells.allocate() }
    public func releaseDoorbell(_ number: DoorbellNumber) { doorbells.release(number) }

    public func ring(_ number: DoorbellNumber) {
        guard let peer, Int(number.rawValue) < doorbellCount else { return }
        counters.doorbells.countWrite(0)
        peer.peerDoorbells[Int(number.rawValue)].signalShared()
    }

    private func take(_ token: UInt64, _ rung: inout DoorbellSet) {
        guard let peer, token < UInt64(peer.ownDoorbells.count),
            let number = DoorbellNumber(rawValue: Int(token)),
            peer.ownDoorbells[Int(token)].drainShared() > 0
        else { return }
        counters.doorbells.countRead(0)
        rung.insert(number)
    }
}
