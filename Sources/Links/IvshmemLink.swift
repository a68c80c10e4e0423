import LinuxSystem
import SharedMemory
import SystemPackage
public import Virtio

/// A link in one memory that both sides map, with vectors to ring: what ivshmem is, whether our end of it is a function on
/// the PCI bus or a socket. The two meet in the memory itself (`vop/meeting.h`, "The meeting in memory").
///
/// Either side may start first and come back at any time. Every meeting is fresh: the memory is divided anew, at addresses
/// that the last meeting did not have. A peer that is gone without a word is noticed where the port tells of it, and
/// otherwise by the header's ping, while somebody waits for it.
public final class IvshmemLink: Link {
    /// Above every vector's number.
    private static let portToken: UInt64 = 1 << 32

    public let side: Side
    public let kind: String
    public private(set) var state = LinkState.down
    public let counters = LinkCounters()

    let port: any SharedMemoryPort
    private let settings: IvshmemSettings
    let waiting: DoorbellWait
    private var rung = DoorbellSet()
    private var wasRung = false
    private var hasPortNews = false
    private var attachment: SharedMemoryAttachment?
    var meeting: MemoryMeeting?
    var met: MetInMemory?
    var doorbells = DoorbellUse(count: 1)
    private var liveness: PeerLiveness
    /// Nothing but its answers says whether the peer still runs.
    private var mustAsk = false
    private var echoed: UInt64 = 0
    private var retry: RetryPace
    private var polling = PollPace()
    private var nextMeetingNumber = UInt64.random(in: 1...1 << 62)
    private var lastNote = ""
    /// Of all windows of this process, as last looked at.
    private var lossCount = MemoryWindow.lossCount
    public var isPeerAwaited: (() -> Bool)?

    /// - Parameters:
    ///   - kind: the word for it in the control tree.
    ///   - port: not opened yet, and this link's alone.
    public init(
        _ side: Side, kind: String = "ivshmem", over port: any SharedMemoryPort,
        _ settings: IvshmemSettings = IvshmemSettings()
    ) throws(LinkError) {
        self.side = side
        self.kind = kind
        self.port = port
        self.settings = settings
        liveness = PeerLiveness(quietLimit: settings.quietLimit, answerLimit: settings.answerLimit)
        retry = RetryPace(first: settings.firstRetry, longest: settings.longestRetry)
        do throws(Errno) {
            // Whoever maps this memory may be another machine, whose processors have other numbers.
            waiting = try DoorbellWait(counters, isOneKernel: false)
        } catch { throw .system(error, during: "making an ivshmem link") }
    }

    deinit { stop() }

    // MARK: Beginning and ending

    public func start() throws(LinkError) {
        guard state == .down else { return }
        try port.open()
        try waiting.watch(port.pollDescriptor, token: Self.portToken)
        state = .waiting
        hasPortNews = true
    }

    public func stop() {
        guard state != .down else { return }
        if let met { leave(met) } else { meeting?.leave() }
        detach()
        waiting.unwatch(port.pollDescriptor)
        port.close()
        retry.stop()
        state = .down
    }

    public var mayResume: Bool { false }

    public func startOver() { end() }

    /// Is gone as if killed: what it said in the memory stays there.
    func vanish() {
        guard state != .down else { return }
        (met, meeting) = (nil, nil)
        detach()
        waiting.unwatch(port.pollDescriptor)
        port.close()
        state = .down
    }

    // MARK: Waiting

    public var pollDescriptor: CInt { waiting.pollDescriptor }
    public var nextDeadline: ContinuousClock.Instant? {
        guard lossCount == MemoryWindow.lossCount else { return .now }
        let deadline = earliest(port.nextDeadline, met == nil ? retry.next : liveness.deadline)
        return earliest(deadline, met == nil || isRingable ? nil : polling.next)
    }

    public func watch(_ descriptor: CInt) throws(LinkError) { try waiting.watch(descriptor) }
    public func unwatch(_ descriptor: CInt) { waiting.unwatch(descriptor) }
    public func isReady(_ descriptor: CInt) -> Bool { waiting.isReady(descriptor) }

    public var ringNews: (() -> Bool?)? {
        get { waiting.adaptive.ringNews }
        set { waiting.adaptive.ringNews = newValue }
    }

    @discardableResult
    public func wait(for limit: Duration?) throws(LinkError) -> Int {
        try waiting.wait(
            for: limit, met == nil ? nil : meeting?.header, ring: { ring($0) }, found: { note($0) })
    }

    private func note(_ token: UInt64) {
        guard token != Self.portToken else {
            hasPortNews = true
            return
        }
        counters.doorbells.countRead(0)
        wasRung = true
        guard token < UInt64(doorbells.count), let number = DoorbellNumber(rawValue: Int(token)) else {
            return
        }
        rung.insert(number)
    }

    // MARK: Serving

    public var testLines: TestLines? { met == nil ? nil : meeting.map { TestLines($0.header) } }
    public var observer: ((LinkEvents) -> Void)?

    public func service() throws(LinkError) -> LinkEvents {
        let events = try serve()
        observer?(events)
        return events
    }

    private func serve() throws(LinkError) -> LinkEvents {
        var events = LinkEvents()
        events.hasPolled = try waiting.serve(found: { note($0) })
        guard state != .down else { return events }
        defer { wasRung = false }
        // While nobody is met the port may find that its own part of the memory is not what it was.
        let isLooking = met == nil && retry.isDue
        if hasPortNews || isLooking || port.nextDeadline.map({ $0 <= .now }) ?? false {
            try servePort(&events)
        }
        if events.peer == nil, let loss = try takeLoss() { events.peer = .gone(loss) }
        guard events.peer == nil else { return events }
        if let met { serve(met, &events) } else { try look(&events) }
        return events
    }

    private func servePort(_ events: inout LinkEvents) throws(LinkError) {
        hasPortNews = false
        let news = try port.service()
        events.notes += news.notes
        if !news.rung.isEmpty {
            counters.doorbells.countRead(0)
            wasRung = true
            rung.formUnion(news.rung)
        }
        switch news.change {
        case .lost(let reason):
            let wasUp = met != nil
            detach()
            if wasUp { events.peer = .gone(reason) } else { events.notes.append(reason) }
        case .attached: try attach(&events)
        case nil: break
        }
        if let met, news.left.contains(met.peer.peer) {
            end()
            events.peer = .gone("the peer: it hung up (peer \(met.peer.peer))")
        }
        if met == nil, meeting != nil, !news.joined.isEmpty { retry.restart() }
    }

    /// Pages of the memory have vanished: it cannot be used any more, and is looked for anew.
    private func takeLoss() throws(LinkError) -> String? {
        let count = MemoryWindow.lossCount
        guard count != lossCount else { return nil }
        lossCount = count
        guard attachment?.hasVanished ?? false else { return nil }
        detach()
        port.close()
        try port.open()
        hasPortNews = true
        return "memory of its windows has vanished (SIGBUS)"
    }

    private func serve(_ met: MetInMemory, _ events: inout LinkEvents) {
        (events.doorbells, rung) = (rung, DoorbellSet())
        guard let header = meeting?.header else { return }
        if let reason = ended(met, header) {
            end()
            events.peer = .gone(reason)
            return
        }
        header.answerPing(&echoed)
        if wasRung || events.hasPolled { liveness.sawPeer() }
        if !isRingable, polling.isDue {
            polling.looked(hasNews: ringNews?() == true)
            events.doorbells = .first(doorbellCount)
        }
        switch liveness.advance(now: .now, echo: header.peerEcho, isAwaited: isPeerAwaited?() ?? false) {
        case .nothing: break
        case .ask(let ping):
            header.ask(ping)
            port.ring(0, of: met.peer.peer)
        case .gone:
            end()
            events.peer = .gone("the peer has not answered for \(liveness.answerLimit)")
        }
    }

    /// Why the meeting is over by the peer's own word, `nil` while it is not.
    private func ended(_ met: MetInMemory, _ header: LinkHeader) -> String? {
        let number = header.peerNumber
        guard number != met.peer.number else { return nil }
        return number == 0 ? "the peer: it left" : "the peer: it began anew"
    }

    // MARK: The meeting

    private func attach(_ events: inout LinkEvents) throws(LinkError) {
        guard let attachment = port.attachment else { return }
        if attachment.peerMemory == nil,
            let fault = MemoryPartition.fault(byteCount: attachment.memory.byteCount)
        {
            events.notes.append("cannot be met in: \(port.place) has \(fault)")
            return
        }
        self.attachment = attachment
        lossCount = MemoryWindow.lossCount
        try waiting.watch(doorbells: Array(attachment.usedVectors))
        meeting = MemoryMeeting(attachment, side, crossing: counters.crossing)
        begin()
    }

    /// Begins to look for a peer, in a new attempt.
    private func begin() {
        met = nil
        (rung, wasRung) = (DoorbellSet(), false)
        meeting?.begin(side == .host ? takeMeetingNumber() : UInt64.random(in: 1 ... .max))
        if state == .up { state = .waiting }
        retry.restart()
    }

    private func takeMeetingNumber() -> UInt64 {
        defer { nextMeetingNumber += 1 }
        return nextMeetingNumber
    }

    private func look(_ events: inout LinkEvents) throws(LinkError) {
        guard meeting != nil, wasRung || retry.isDue else { return }
        retry.tried()
        do throws(MeetingRefusal) {
            let found = try meeting?.look(
                nextNumber: takeMeetingNumber, isPresent: { port.isPresent($0) },
                ring: { port.ring(0, of: $0.peer) })
            guard let found else { return }
            hold(found)
            events.peer = .arrived
            events.notes.append("met peer \(found.peer.peer) on \(port.place)")
        } catch {
            // Said once, not at every look.
            if error.reason != lastNote { events.notes.append("cannot meet: \(error.reason)") }
            lastNote = error.reason
        }
    }

    private func hold(_ found: MetInMemory) {
        doorbells = DoorbellUse(count: found.doorbellCount)
        met = found
        echoed = 0
        mustAsk = port.isPresent(found.peer.peer) == nil
        lastNote = ""
        waiting.met()
        liveness = PeerLiveness(quietLimit: settings.quietLimit, answerLimit: settings.answerLimit)
        polling = PollPace()
        retry.stop()
        state = .up
    }

    /// Of our own accord, or because the peer is gone: it finds that, wherever it is, and this side looks for the next.
    private func end() {
        guard let met else { return }
        begin()
        port.ring(0, of: met.peer.peer)
    }

    private func leave(_ met: MetInMemory) {
        meeting?.leave()
        self.met = nil
        port.ring(0, of: met.peer.peer)
    }

    private func detach() {
        for vector in attachment?.usedVectors ?? [] { waiting.unwatch(vector.rawDescriptor) }
        (attachment, meeting, met) = (nil, nil, nil)
        (rung, wasRung) = (DoorbellSet(), false)
        retry.stop()
        if state == .up { state = .waiting }
    }

    /// Somebody can ring us.
    private var isRingable: Bool { attachment.map { $0.doorbellCount > 0 } ?? true }

    /// The peer has been rung, or knows without: what is heard of it from now on says that it runs.
    func noteRing() { if mustAsk { liveness.rang(now: .now) } }
}
