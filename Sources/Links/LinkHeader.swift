import CVOP
import LinuxSystem
import SharedMemory
import SystemPackage
import Virtio

/// The link header (`struct vop_link_header`): one page both sides see. The host lays it out before the guest is told
/// of it; then each side writes only its own lines.
struct LinkHeader {
    static let byteCount = Int(VOP_LINK_HEADER_BYTE_COUNT)

    let memory: MemoryWindow
    let side: Side

    init(_ memory: MemoryWindow, seenBy side: Side) {
        self.memory = memory
        self.side = side
    }

    /// The host's part.
    func lay(out welcome: MeetingWelcome, guestDoorbellCount: Int) {
        memory.store16(UInt16(VOP_LINK_VERSION), at: 4)
        memory.store16(welcome.isResumed ? UInt16(VOP_MEETING_RESUMED) : 0, at: 6)
        memory.store64(welcome.meetingID, at: 8)
        memory.store64(welcome.devicePageAddress, at: 16)
        memory.store16(UInt16(welcome.hostWindows.count), at: 32)
        memory.store16(UInt16(welcome.guestWindows.count), at: 34)
        memory.store16(UInt16(welcome.doorbellCount), at: 36)
        memory.store16(UInt16(guestDoorbellCount), at: 38)
        store(welcome.hostWindows, at: Int(VOP_LINK_HOST_WINDOWS_OFFSET))
        store(welcome.guestWindows, at: Int(VOP_LINK_GUEST_WINDOWS_OFFSET))
        // ORDER: release; pairs with the acquiring load in `check`.
        memory.storeReleasing32(VOP_LINK_MAGIC, at: 0)
    }

    /// The guest's part: the header says what the welcome said.
    func check(against welcome: MeetingWelcome) throws(MeetingRefusal) {
        // ORDER: acquire; pairs with the releasing store in `lay(out:)`.
        let magic = memory.loadAcquiring32(at: 0)
        guard magic == VOP_LINK_MAGIC, memory.load16(at: 4) == UInt16(VOP_LINK_VERSION),
            memory.load64(at: 8) == welcome.meetingID
        else { throw MeetingRefusal("a link header of another kind or meeting") }
    }

    /// Answers the peer's question whether we run, if it asked one since the last time.
    func answerPing() {
        let host = Int(VOP_LINK_HOST_LIVENESS_OFFSET)
        let guest = Int(VOP_LINK_GUEST_LIVENESS_OFFSET)
        let (mine, theirs) = side == .host ? (host, guest) : (guest, host)
        let asked = memory.load64(at: theirs)
        if memory.load64(at: mine + 8) != asked { memory.store64(asked, at: mine + 8) }
    }

    var hasVanished: Bool { memory.hasVanished }

    private func store(_ ranges: [MeetingRange], at offset: Int) {
        for (index, range) in ranges.enumerated() {
            memory.store64(range.base, at: offset + 16 * index)
            memory.store64(range.byteCount, at: offset + 16 * index + 8)
        }
    }
}
