import LinuxSystem
import SharedMemory
import SystemPackage
public import Virtio

/// The way to a peer over a non-transparent bridge, made in a memory that another port finds (`NTBPage`): the two introduce
/// themselves by scratchpads, then each has its own memory and a window on the other's, and rings by doorbell bits.
///
/// ```
///   closed ──open()──► no memory ──found──► alone ──the other's introduction──► attached
///                          ▲                  ▲                                    │
///                          └── memory lost ───┴──── another one took our port ─────┘
/// ```
public final class NTBPort: SharedMemoryPort {
    private enum State {
        case none
        case alone(NTBPage)
        case attached(NTBPage, NTBIntroduction, SharedMemoryAttachment)
    }

    private let port: any SharedMemoryPort
    private let side: Side
    private let poller: Poller
    private var state = State.none
    /// The memory's, as its port has it.
    private var shared: SharedMemoryAttachment?
    /// The vectors of ours that `poller` watches.
    private var watched: [CInt] = []
    /// What the other end is rung by, as it last said.
    private var peerOwner: PeerNumber?
    private var retry: RetryPace
    /// Said once, not at every look.
    private var lastNote = ""

    /// - Parameter port: not opened yet, and this port's alone.
    public init(
        over port: any SharedMemoryPort, as side: Side, firstRetry: Duration = .milliseconds(20),
        longestRetry: Duration = .seconds(1)
    ) throws(LinkError) {
        self.port = port
        self.side = side
        retry = RetryPace(first: firstRetry, longest: longestRetry)
        do throws(Errno) {
            poller = try Poller()
            try poller.add(port.pollDescriptor, .readable, token: 0)
        } catch { throw .system(error, during: "making a bridge") }
    }

    public var place: String { port.place }
    public var pollDescriptor: CInt { poller.rawDescriptor }
    public var nextDeadline: ContinuousClock.Instant? { earliest(port.nextDeadline, retry.next) }

    public func open() throws(LinkError) { try port.open() }

    public func close() {
        leave()
        port.close()
    }

    public var attachment: SharedMemoryAttachment? {
        if case .attached(_, _, let attachment) = state { attachment } else { nil }
    }

    public func isPresent(_ peer: PeerNumber) -> Bool? {
        guard peer == side.peer.port, let peerOwner else { return false }
        return port.isPresent(peerOwner)
    }

    public func ring(_ vector: Int, of peer: PeerNumber) {
        guard case .attached(let page, let introduction, _) = state, peer == side.peer.port,
            vector < max(1, introduction.doorbellCount)
        else { return }
        page.ringPeer(1 << UInt32(vector))
        interruptPeer()
    }

    // MARK: Serving

    public func service() throws(LinkError) -> SharedMemoryPortEvents {
        var events = SharedMemoryPortEvents()
        try serveMemory(&events)
        guard events.change == nil else { return events }
        switch state {
        case .none: break
        case .alone(let page) where retry.isDue || hasBeenRung: look(page, &events)
        case .alone: break
        case .attached(let page, let peer, let attachment): serve(page, peer, attachment, &events)
        }
        return events
    }

    private var hasBeenRung = false

    private func serveMemory(_ events: inout SharedMemoryPortEvents) throws(LinkError) {
        hasBeenRung = false
        do throws(Errno) {
            try poller.wait(for: .zero) { event in if event.token != 0 { hasBeenRung = true } }
        } catch { throw .system(error, during: "serving a bridge") }
        let news = try port.service()
        events.notes = news.notes
        switch news.change {
        case .lost(let reason):
            if attachment != nil { events.change = .lost(reason) } else { events.notes.append(reason) }
            leave()
        case .attached: try begin(&events)
        case nil: break
        }
        if let peerOwner, news.left.contains(peerOwner) { events.left = [side.peer.port] }
        if !news.joined.isEmpty {
            events.joined = [side.peer.port]
            if case .alone = state { retry.restart() }
        }
    }

    /// Attached: who rang what, and whether the other end is still what it said.
    private func serve(
        _ page: NTBPage, _ peer: NTBIntroduction, _ attachment: SharedMemoryAttachment,
        _ events: inout SharedMemoryPortEvents
    ) {
        events.rung = DoorbellSet(bits: page.takeDoorbells())
        guard page.owner == shared.map({ UInt32($0.ownNumber.rawValue) }) else {
            state = .alone(page)
            retry.restart()
            events.change = .lost("another \(side.rawValue) has taken port \(side.port) of the bridge")
            return
        }
        let number = page.scratchpad(NTBIntroduction.numberIndex)
        guard number != peer.number, number != 0 else { return }
        // A new life of the other end: it may have another memory, and has another number among those that map it.
        do throws(MeetingRefusal) {
            guard var next = try NTBIntroduction(of: page) else { return }
            notePeerOwner(page)
            let now = next.number
            next.number = peer.number
            if next == peer {
                next.number = now
                state = .attached(page, next, attachment)
                return
            }
        } catch { note(error, &events) }
        state = .alone(page)
        retry.restart()
        events.change = .lost("the peer: it introduced itself anew")
    }

    // MARK: Finding the other end

    private func begin(_ events: inout SharedMemoryPortEvents) throws(LinkError) {
        guard let found = port.attachment else { return }
        if let fault = MemoryPartition.fault(byteCount: found.memory.byteCount) {
            events.notes.append("no bridge: \(port.place) has \(fault)")
            return
        }
        shared = found
        for (index, vector) in found.usedVectors.enumerated() {
            do throws(Errno) {
                try poller.add(
                    vector.rawDescriptor, [.readable, .edgeTriggered], token: UInt64(index + 1))
            } catch { throw .system(error, during: "watching a bridge's interrupt") }
            watched.append(vector.rawDescriptor)
        }
        state = .alone(NTBPage(found.memory, side))
        retry.restart()
    }

    private func look(_ page: NTBPage, _ events: inout SharedMemoryPortEvents) {
        guard let shared else { return }
        retry.tried()
        do throws(MeetingRefusal) {
            try claim(page, shared)
            notePeerOwner(page)
            guard let peer = try NTBIntroduction(of: page) else { return }
            let attachment = SharedMemoryAttachment(
                memory: page.memory,
                peerMemory: page.peerMemory.part(at: 0, byteCount: Int(peer.byteCount)),
                ownNumber: side.port, doorbellCount: doorbellCount)
            state = .attached(page, peer, attachment)
            retry.stop()
            lastNote = ""
            events.change = .attached
        } catch { note(error, &events) }
    }

    /// Enables our end and says who we are, where the registers say something else.
    ///
    /// - Throws: when somebody else holds our port.
    private func claim(_ page: NTBPage, _ shared: SharedMemoryAttachment) throws(MeetingRefusal) {
        let own = shared.ownNumber
        if let owner = page.owner.flatMap({ PeerNumber(untrusted: Int64($0)) }), owner != own,
            port.isPresent(owner) == true
        {
            throw MeetingRefusal(
                .busy, "another \(side.rawValue), peer \(owner), holds port \(side.port) of the bridge")
        }
        guard page.owner != UInt32(own.rawValue) || !hasIntroduced else { return }
        page.enable(as: own)
        NTBIntroduction(
            number: .random(in: 1 ... .max), side: side, byteCount: UInt64(page.memory.byteCount),
            doorbellCount: doorbellCount
        ).write(to: page)
        hasIntroduced = true
        notePeerOwner(page)
        interruptPeer()
    }

    private var hasIntroduced = false

    private var doorbellCount: Int { shared?.vectors.isEmpty == false ? NTBPage.doorbellCount : 0 }

    private func notePeerOwner(_ page: NTBPage) {
        peerOwner = page.peerOwner.flatMap { PeerNumber(untrusted: Int64($0)) }
    }

    /// A bridge's interrupt is the first vector of whoever has the other port.
    private func interruptPeer() { if let peerOwner { port.ring(0, of: peerOwner) } }

    private func note(_ refusal: MeetingRefusal, _ events: inout SharedMemoryPortEvents) {
        if refusal.reason != lastNote { events.notes.append("no bridge: \(refusal.reason)") }
        lastNote = refusal.reason
    }

    // MARK: Ending

    private func leave() {
        switch state {
        case .none: break
        case .alone(let page), .attached(let page, _, _):
            if hasIntroduced, let shared, page.owner == UInt32(shared.ownNumber.rawValue) {
                NTBIntroduction.withdraw(from: page)
                page.disable()
                interruptPeer()
            }
        }
        for descriptor in watched {
            // The set is ours, and forgets a closed descriptor by itself.
            do throws(Errno) { try poller.remove(descriptor) } catch {}
        }
        (state, shared, watched, peerOwner, hasIntroduced) = (.none, nil, [], nil, false)
        retry.stop()
    }
}
