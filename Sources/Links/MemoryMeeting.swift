import LinuxSystem
import SharedMemory
import Virtio

/// One side's way to a peer in a memory that both map (the drawing is in `vop/meeting.h`). What the peer writes there is
/// read once, and nothing that this side wrote is read back to be believed.
struct MemoryMeeting {
    let header: LinkHeader
    private let partition: MemoryPartition
    private let crossing: CrossingCounters
    private var own: SidePresence
    /// Host: whom we answered, and what it was given.
    private var answered: (peer: SidePresence, layout: LinkLayout)?
    /// Guest: the attempt of the host's that was told of us.
    private var rungNumber: UInt64 = 0

    init(_ attachment: SharedMemoryAttachment, _ side: Side, crossing: CrossingCounters) {
        partition = MemoryPartition(attachment, side)
        self.crossing = crossing
        header = LinkHeader(partition.header, seenBy: side)
        own = SidePresence(number: 0, peer: attachment.ownNumber, vectorCount: attachment.doorbellCount)
    }

    /// A new attempt, by a number that was not used before.
    mutating func begin(_ number: UInt64) {
        let isOurs = header.stillSays(own.number)
        own.number = number
        own.answered = 0
        answered = nil
        rungNumber = 0
        if isOurs { header.announce(own) }
    }

    func leave() { if header.stillSays(own.number) { header.withdraw() } }

    /// Says who we are, where our line says something else: what a life before left there, or somebody wrote over it.
    ///
    /// - Throws: when somebody else on our side is here.
    private func claim(_ isPresent: (PeerNumber) -> Bool?) throws(MeetingRefusal) {
        guard !header.stillSays(own.number) else { return }
        if let other = honest(header.side), other.peer != own.peer, isPresent(other.peer) == true,
            honest(header.side.peer)?.peer != other.peer
        {
            throw MeetingRefusal(
                .busy, "another \(header.side.rawValue), peer \(other.peer), is here already")
        }
        header.announce(own)
    }

    /// Who is on that side; what is no presence is nobody's.
    private func honest(_ side: Side) -> SidePresence? {
        do throws(MeetingRefusal) { return try header.presence(of: side) } catch { return nil }
    }

    /// Looks what the peer says by now.
    ///
    /// - Parameters:
    ///   - nextNumber: for an answer of the host's.
    ///   - isPresent: as the port knows.
    ///   - ring: rings vector 0 of a peer.
    /// - Throws: what is wrong with what it says.
    mutating func look(
        nextNumber: () -> UInt64, isPresent: (PeerNumber) -> Bool?, ring: (SidePresence) -> Void
    ) throws(MeetingRefusal) -> MetInMemory? {
        try claim(isPresent)
        guard let peer = try header.peerPresence() else { return nil }
        guard peer.peer != own.peer else {
            throw MeetingRefusal("it says it is peer \(peer.peer), which we are")
        }
        return header.side == .host ? try answer(peer, nextNumber, ring) : try accept(peer, ring)
    }

    // MARK: Host

    private mutating func answer(
        _ guest: SidePresence, _ nextNumber: () -> UInt64, _ ring: (SidePresence) -> Void
    ) throws(MeetingRefusal) -> MetInMemory? {
        if let answered, answered.peer.number == guest.number {
            guard guest.answered == own.number else { return nil }
            return try met(answered.peer, answered.layout)
        }
        own.number = nextNumber()
        own.answered = guest.number
        let windows = partition.windows(ofMeeting: own.number)
        let layout = LinkLayout(
            meetingID: own.number, devicePageAddress: windows.host.base, hostWindows: [windows.host],
            guestWindows: [windows.guest], hostDoorbellCount: max(1, own.vectorCount),
            guestDoorbellCount: max(1, guest.vectorCount))
        header.withdraw()
        // The guest may look for the page before we make a new one.
        partition.clearDevicePage()
        header.lay(out: layout)
        header.announce(own)
        answered = (guest, layout)
        ring(guest)
        return nil
    }

    // MARK: Guest

    private mutating func accept(
        _ host: SidePresence, _ ring: (SidePresence) -> Void
    ) throws(MeetingRefusal) -> MetInMemory? {
        guard host.answered == own.number else {
            if host.number != rungNumber { ring(host) }
            rungNumber = host.number
            return nil
        }
        let layout = try header.layout()
        // It lays out anew for somebody: what was read may be half of each.
        guard header.peerNumber == host.number else { return nil }
        guard layout.meetingID == host.number else {
            throw MeetingRefusal("a link header of meeting \(layout.meetingID), not \(host.number)")
        }
        let met = try met(host, layout)
        own.answered = host.number
        header.answer(host.number)
        ring(host)
        return met
    }

    private func met(_ peer: SidePresence, _ layout: LinkLayout) throws(MeetingRefusal) -> MetInMemory {
        let first = layout.hostWindows[0]
        let host = try partition.place(layout.hostWindows, of: .host, like: first)
        let guest = try partition.place(layout.guestWindows, of: .guest, like: first)
        do throws(PeerViolation) {
            return MetInMemory(
                peer: peer, meetingID: layout.meetingID, ownNumber: own.number,
                windows: try MetWindows(
                    seenBy: header.side, host: host, guest: guest,
                    devicePageAddress: layout.devicePageAddress,
                    crossing: crossing),
                doorbellCount: min(layout.hostDoorbellCount, layout.guestDoorbellCount))
        } catch { throw MeetingRefusal(error) }
    }
}

/// Two who have met in a memory, as one of them knows it.
struct MetInMemory {
    let peer: SidePresence
    let meetingID: UInt64
    /// Ours, which the peer has answered or was answered by.
    let ownNumber: UInt64
    var windows: MetWindows
    let doorbellCount: Int
}
