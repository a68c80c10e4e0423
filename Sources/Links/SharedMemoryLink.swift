import LinuxSystem
public import SharedMemory
import SystemPackage
public import Virtio

/// A link between two processes of one machine: each side's memory is a sealed memfd, its doorbells are eventfds, and
/// a unix socket is where they meet (`abi/include/vop/meeting.h`). The seals make sure that no peer can take pages of a
/// mapping away. Those that the machine itself loses cost the meeting: it ends, and the next is a fresh one.
///
/// Either side may start first, and either may be killed and started again: the other notices at once, is `waiting`, and
/// holds the windows of both. When they meet again it hands the other's back, and the meeting is resumed, if both keep a
/// record (`SharedMemorySettings.recordPath`); otherwise, and where anything does not fit, it is a fresh one, with new
/// windows. A side that was stopped, and not killed, has no record any more.
public final class SharedMemoryLink: Link {
    /// Above every doorbell's number.
    private static let meetingToken: UInt64 = 1 << 32
    private static let peerToken: UInt64 = 1 << 32 + 1

    public let side: Side
    public let kind = "shm"
    public let settings: SharedMemorySettings
    public private(set) var state = LinkState.down
    public let counters = LinkCounters()

    let waiting: DoorbellWait
    /// Found and not yet acted on.
    private var rung = DoorbellSet()
    private var hasMeetingNews = false
    private var hasPeerNews = false
    private var meeting: (any Meeting)?
    private var peer: MetPeer?
    /// Which of the peer's questions whether we run was answered last.
    private var echoed: UInt64 = 0
    /// What is allocated in a meeting that may be resumed, while there is no peer.
    private var kept: (windows: MetWindows, doorbells: DoorbellUse)?
    private var doorbells: DoorbellUse
    /// Of all windows of this process, as last looked at.
    private var lossCount = MemoryWindow.lossCount

    /// - Throws: `.configuration` for a setting that is out of range, `.system` when there are no descriptors.
    public init(_ side: Side, _ settings: SharedMemorySettings) throws(LinkError) {
        try settings.validate()
        self.side = side
        self.settings = settings
        doorbells = DoorbellUse(count: settings.doorbellCount)
        do throws(Errno) {
            waiting = try DoorbellWait(counters, isOneKernel: true)
        } catch { throw .system(error, during: "making an shm link") }
    }

    deinit { stop() }

    public func start() throws(LinkError) {
        guard state == .down else { return }
        let earlier = settings.recordPath
            .flatMap { MeetingRecord.read(from: $0, side, settings) }.map { ResumableMeeting(record: $0) }
        let meeting: any Meeting =
            switch side {
            case .host: try HostMeeting(settings, crossing: counters.crossing, earlier: earlier)
            case .guest: try GuestMeeting(settings, crossing: counters.crossing, earlier: earlier)
            }
        try waiting.watch(meeting.pollDescriptor, token: Self.meetingToken)
        self.meeting = meeting
        state = .waiting
    }

    public func stop() {
        guard state != .down else { return }
        meeting?.close()
        forget()
        vanish()
    }

    private func forget() {
        guard let path = settings.recordPath else { return }
        // One that stays names a meeting whose windows nobody has any more.
        do throws(Errno) { try WholeFile.remove(path) } catch {}
    }

    public var mayResume: Bool { kept != nil }

    public func startOver() {
        guard let meeting else { return }
        letGo()
        kept = nil
        forget()
        meeting.peerLeft(nil)
    }

    /// Is gone as if killed: the record stays, and so does the socket's file.
    func vanish() {
        if let meeting { unwatch(meeting.pollDescriptor) }
        meeting = nil
        letGo()
        kept = nil
        state = .down
    }

    public var pollDescriptor: CInt { waiting.pollDescriptor }
    public var nextDeadline: ContinuousClock.Instant? {
        guard let meeting else { return nil }
        return lossCount == MemoryWindow.lossCount ? meeting.nextDeadline : .now
    }

    public func watch(_ descriptor: CInt) throws(LinkError) { try waiting.watch(descriptor) }
    public func unwatch(_ descriptor: CInt) { waiting.unwatch(descriptor) }
    public func isReady(_ descriptor: CInt) -> Bool { waiting.isReady(descriptor) }

    /// What both sides see of the meeting, while there is a peer.
    var header: LinkHeader? { peer?.header }

    public var ringNews: (() -> Bool?)? {
        get { waiting.adaptive.ringNews }
        set { waiting.adaptive.ringNews = newValue }
    }

    @discardableResult
    public func wait(for limit: Duration?) throws(LinkError) -> Int {
        try waiting.wait(for: limit, peer?.header, ring: { ring($0) }, found: { note($0) })
    }

    private func note(_ token: UInt64) {
        switch token {
        case Self.peerToken: hasPeerNews = true
        case Self.meetingToken: hasMeetingNews = true
        default: take(token)
        }
    }

    public var testLines: TestLines? { peer.map { TestLines($0.header) } }
    public var observer: ((LinkEvents) -> Void)?

    public func service() throws(LinkError) -> LinkEvents {
        let events = try serve()
        observer?(events)
        return events
    }

    private func serve() throws(LinkError) -> LinkEvents {
        var events = LinkEvents()
        events.hasPolled = try waiting.serve(found: { note($0) })
        guard let meeting else { return events }
        if hasPeerNews, let hungUp = peer?.socket.hungUp() {
            meeting.peerLeft(letGo())
            return LinkEvents(peer: .gone(hungUp))
        }
        hasPeerNews = false
        (events.doorbells, rung) = (rung, DoorbellSet())
        peer?.header.answerPing(&echoed)
        if let loss = takeLoss() { return LinkEvents(peer: .gone(loss)) }
        // With a peer here, whoever else comes says so, and whoever is awaited has a deadline.
        guard peer == nil || hasMeetingNews || meeting.nextDeadline != nil else { return events }
        hasMeetingNews = false
        try meet(meeting, &events)
        return events
    }

    private func meet(_ meeting: any Meeting, _ events: inout LinkEvents) throws(LinkError) {
        let progress = try meeting.service(isBusy: peer != nil)
        events.notes = progress.notes
        guard let met = progress.met else { return }
        try hold(met)
        events.peer = met.isResumed ? .resumed : .arrived
        if !met.isResumed { KillPoint.reach(.inMeeting) }
        if !met.isResumed { events.notes += writeDown(met.meeting.record) }
    }

    /// Pages of this meeting's windows have vanished: it cannot go on, and is not taken up again.
    private func takeLoss() -> String? {
        let count = MemoryWindow.lossCount
        guard count != lossCount else { return nil }
        lossCount = count
        let windows = peer?.windows ?? kept?.windows
        guard peer?.header.hasVanished ?? false || windows?.all.hasVanished ?? false else { return nil }
        startOver()
        return "memory of its windows has vanished (SIGBUS)"
    }

    // MARK: The peer

    private func hold(_ met: MetPeer) throws(LinkError) {
        if met.isResumed, let kept {
            met.windows.keepAllocations(of: kept.windows)
            doorbells = kept.doorbells
        } else {
            doorbells = DoorbellUse(count: min(met.ownDoorbells.count, met.peerDoorbells.count))
        }
        kept = nil
        (peer, echoed) = (met, 0)
        waiting.met()
        state = .up
        do throws(LinkError) {
            try waiting.watch(met.socket.rawDescriptor, token: Self.peerToken)
            try waiting.watch(doorbells: met.ownDoorbells)
        } catch {
            meeting?.peerLeft(letGo())
            throw error
        }
    }

    /// - Returns: what it notes: why there will be nothing to resume.
    private func writeDown(_ record: MeetingRecord) -> [String] {
        guard let path = settings.recordPath else { return [] }
        do throws(Errno) {
            try record.write(to: path)
            return []
        } catch {
            return ["will not be resumed if this process is killed: \(path) cannot be written: \(error)"]
        }
    }

    /// - Returns: the meeting that has ended, where it may be resumed.
    @discardableResult
    private func letGo() -> ResumableMeeting? {
        guard let peer else { return nil }
        if settings.recordPath != nil { kept = (peer.windows, doorbells) }
        // A closed descriptor stays in an epoll set while somebody else holds the same open file, and the peer does.
        unwatch(peer.socket.rawDescriptor)
        for doorbell in peer.ownDoorbells { unwatch(doorbell.rawDescriptor) }
        self.peer = nil
        (rung, hasPeerNews) = (DoorbellSet(), false)
        state = .waiting
        return settings.recordPath == nil ? nil : peer.meeting
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

    public var meetingID: UInt64 { peer?.meeting.record.meetingID ?? 0 }
    public func reclaim(_ range: PeerRange) -> Bool { peer?.windows.reclaim(range) ?? false }

    public func free(_ range: PeerRange) {
        kept?.windows.free(range)
        peer?.windows.free(range)
    }

    // MARK: Doorbells

    /// While met, what both sides have.
    public var doorbellCount: Int { doorbells.count }
    public func allocateDoorbell() -> DoorbellNumber { doorbells.allocate() }
    public func releaseDoorbell(_ number: DoorbellNumber) {
        kept?.doorbells.release(number)
        doorbells.release(number)
    }
    public func reclaimDoorbell(_ number: DoorbellNumber) -> Bool { doorbells.claim(number) }

    public func ring(_ number: DoorbellNumber) {
        guard let peer, Int(number.rawValue) < doorbellCount else { return }
        counters.doorbells.countWrite(0)
        peer.peerDoorbells[Int(number.rawValue)].signalShared()
    }

    public func notify(_ number: DoorbellNumber) {
        guard let peer else { return }
        if waiting.mustRing(number, peer.header) { ring(number) }
    }

    private func take(_ token: UInt64) {
        guard let number = DoorbellNumber(rawValue: Int(token)) else { return }
        counters.doorbells.countRead(0)
        rung.insert(number)
    }
}
