import CVOP
import SharedMemory
import Virtio

/// What one side says of itself in a memory where two meet (`struct vop_link_presence`).
struct SidePresence: Equatable {
    /// Names this attempt to meet; never 0.
    var number: UInt64
    /// The other side's number that it answers, 0: none.
    var answered: UInt64 = 0
    var peer: PeerNumber
    /// 0: it cannot be rung.
    var vectorCount: Int
}

extension LinkHeader {
    /// Says who we are in a new attempt to meet. What an earlier life of this side left in its lines goes.
    func announce(_ presence: SidePresence) {
        withdraw()
        memory.store64(0, at: Self.livenessOffset(of: side))
        memory.store64(0, at: Self.livenessOffset(of: side) + 8)
        memory.store64(0, at: waitingOffset(of: side))
        let own = presenceOffset(of: side)
        memory.store64(presence.answered, at: own + 8)
        memory.store32(VOP_LINK_MAGIC, at: own + 16)
        memory.store32(UInt32(VOP_LINK_VERSION), at: own + 20)
        memory.store32(UInt32(presence.peer.rawValue), at: own + 24)
        memory.store32(UInt32(presence.vectorCount), at: own + 28)
        // ORDER: release; pairs with the first load in `presence(of:)`.
        memory.storeReleasing64(presence.number, at: own)
    }

    /// What we announced is still there; 0: nobody is.
    func stillSays(_ number: UInt64) -> Bool { memory.load64(at: presenceOffset(of: side)) == number }

    /// Says that nobody is here.
    func withdraw() {
        memory.store64(0, at: presenceOffset(of: side))
        // ORDER: full; pairs with the fence in `presence(of:)`: fields that are stored from here on belong to no number
        // that was there before.
        fullFence()
    }

    /// Answers the peer's number, after all that it shall find.
    func answer(_ number: UInt64) {
        // ORDER: release; pairs with the acquiring load in `peerAnswer`.
        memory.storeReleasing64(number, at: presenceOffset(of: side) + 8)
    }

    /// The peer's number now, 0 while it is away. One load.
    var peerNumber: UInt64 { memory.loadAcquiring64(at: presenceOffset(of: side.peer)) }

    /// Which number of ours the peer answers now.
    var peerAnswer: UInt64 { memory.loadAcquiring64(at: presenceOffset(of: side.peer) + 8) }

    /// What the peer says of itself, copied once: `nil` while it is away, or just saying something else.
    ///
    /// - Throws: what no side of ours says (the peer's fault).
    func peerPresence() throws(MeetingRefusal) -> SidePresence? { try presence(of: side.peer) }

    /// Who says that it is on that side.
    func presence(of side: Side) throws(MeetingRefusal) -> SidePresence? {
        let theirs = presenceOffset(of: side)
        // ORDER: acquire; pairs with the releasing store in `announce`.
        let number = memory.loadAcquiring64(at: theirs)
        guard number != 0 else { return nil }
        let answered = memory.loadAcquiring64(at: theirs + 8)
        let magic = memory.load32(at: theirs + 16)
        let version = memory.load32(at: theirs + 20)
        let peer = memory.load32(at: theirs + 24)
        let vectorCount = memory.load32(at: theirs + 28)
        // ORDER: full; pairs with the fence in `withdraw`, so that fields of another attempt come with another number.
        fullFence()
        guard memory.load64(at: theirs) == number else { return nil }
        guard magic == VOP_LINK_MAGIC else { throw MeetingRefusal("it speaks no protocol of ours") }
        guard version == UInt32(VOP_LINK_VERSION) else {
            throw MeetingRefusal(.version, "it speaks version \(version); 1 is known here")
        }
        guard let peer = PeerNumber(untrusted: Int64(peer)) else {
            throw MeetingRefusal("it says it is peer \(peer); 0 to 65535 are possible")
        }
        return SidePresence(
            number: number, answered: answered, peer: peer,
            vectorCount: Int(min(vectorCount, UInt32(VOP_MEETING_DOORBELLS_MAX))))
    }

    private func presenceOffset(of side: Side) -> Int {
        Int(side == .host ? VOP_LINK_HOST_PRESENCE_OFFSET : VOP_LINK_GUEST_PRESENCE_OFFSET)
    }
}
