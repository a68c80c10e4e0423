import LinuxSystem
public import SharedMemory
public import SystemPackage
public import Virtio

/// One end of a link inside one process.
public final class LoopbackLink: Link {
    private struct Met {
        let session: LoopbackSession
        var windows: MetWindows
    }

    public let side: Side
    public let kind = "loopback"
    public private(set) var state = LinkState.down
    public let counters = LinkCounters()

    private let meeting: LoopbackMeeting
    private var waiting: LinkWait
    private var met: Met?
    private var doorbells: DoorbellUse

    public init(_ side: Side, at meeting: LoopbackMeeting) {
        self.side = side
        self.meeting = meeting
        waiting = LinkWait(meeting.watched(by: side))
        doorbells = DoorbellUse(count: meeting.doorbellCount)
    }

    /// Both ends of a new link, not started.
    public static func pair(
        windowByteCount: Int = 4 << 20, doorbellCount: Int = MeetingLimits.defaultDoorbellCount
    ) throws(Errno) -> (host: LoopbackLink, guest: LoopbackLink) {
        let meeting = try LoopbackMeeting(windowByteCount: windowByteCount, doorbellCount: doorbellCount)
        return (LoopbackLink(.host, at: meeting), LoopbackLink(.guest, at: meeting))
    }

    public func start() {
        guard state == .down else { return }
        state = .waiting
        meeting.join(side)
    }

    public func stop() {
        guard state != .down else { return }
        state = .down
        met = nil
        meeting.leave(side)
    }

    public var mayResume: Bool { false }

    public func startOver() {
        stop()
        start()
    }

    deinit { if state != .down { meeting.leave(side) } }

    public var pollDescriptor: CInt { waiting.pollDescriptor }
    public var nextDeadline: ContinuousClock.Instant? { nil }

    public func watch(_ descriptor: CInt) throws(LinkError) { try waiting.watch(descriptor) }
    public func unwatch(_ descriptor: CInt) { waiting.unwatch(descriptor) }
    public func isReady(_ descriptor: CInt) -> Bool { waiting.ready.contains(descriptor) }

    @discardableResult
    public func wait(for limit: Duration?) throws(LinkError) -> Int {
        try waiting.wait(for: limit) { _ in }
    }

    public func service() throws(LinkError) -> LinkEvents {
        if !waiting.hasLooked { try wait(for: .zero) }
        waiting.served()
        wake.drain()
        guard state != .down else { return LinkEvents() }
        let session = meeting.session
        if let met, met.session !== session {
            leave(for: session)
            return LinkEvents(peer: .gone("the other end stopped"))
        }
        var events = LinkEvents()
        if met == nil, let session {
            try arrive(session)
            events.peer = .arrived
        }
        events.doorbells = takeRung()
        return events
    }

    private var wake: EventCounter { meeting.wake(of: side) }

    private func leave(for next: LoopbackSession?) {
        met = nil
        state = .waiting
        // The next meeting is told by the next call, so that an event is one thing.
        if next != nil { wake.signal() }
    }

    private func arrive(_ session: LoopbackSession) throws(LinkError) {
        do throws(PeerViolation) {
            met = Met(
                session: session,
                windows: try MetWindows(
                    seenBy: side, host: [session.host], guest: [session.guest], crossing: counters.crossing))
        } catch { throw .peer(error) }
        doorbells = DoorbellUse(count: doorbellCount)
        state = .up
    }

    private func takeRung() -> DoorbellSet {
        let rung = met?.session.takeRung(for: side) ?? DoorbellSet()
        if !rung.isEmpty { counters.doorbells.countRead(0) }
        return rung
    }

    // MARK: Memory

    public var addressSpace: AddressSpace { met?.windows.all ?? AddressSpace() }
    public func windows(of side: Side) -> AddressSpace { met?.windows.windows(of: side) ?? AddressSpace() }
    public var devicePageAddress: UInt64 { met?.windows.devicePageAddress ?? 0 }

    public func allocate(byteCount: Int, alignment: Int) throws(LinkError) -> PeerRange {
        guard let range = try met?.windows.allocate(byteCount: byteCount, alignment: alignment) else {
            throw .notUp
        }
        return range
    }

    public var meetingID: UInt64 { met?.session.meetingID ?? 0 }

    public func reclaim(_ range: PeerRange) -> Bool { met?.windows.reclaim(range) ?? false }

    public func free(_ range: PeerRange) { met?.windows.free(range) }

    // MARK: Doorbells

    public var doorbellCount: Int { meeting.doorbellCount }
    public func allocateDoorbell() -> DoorbellNumber { doorbells.allocate() }
    public func releaseDoorbell(_ number: DoorbellNumber) { doorbells.release(number) }
    public func reclaimDoorbell(_ number: DoorbellNumber) -> Bool { doorbells.claim(number) }

    /// Both ends are one process, and none looks before it sleeps.
    public var ringNews: (() -> Bool?)?
    public func notify(_ number: DoorbellNumber) { ring(number) }

    public func ring(_ number: DoorbellNumber) {
        guard let met, Int(number.rawValue) < doorbellCount else { return }
        counters.doorbells.countWrite(0)
        met.session.ring(number, for: side.peer)
        meeting.wake(of: side.peer).signal()
    }
}
