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
    func lay(out layout: LinkLayout) {
        // Nobody takes a part of this for a part of what was there before.
        memory.store32(0, at: 0)
        // ORDER: release for what follows; pairs with the acquiring load of the magic in `layout()`.
        fullFence()
        memory.store32(UInt32(VOP_LINK_VERSION) | layout.flags << 16, at: 4)
        memory.store64(layout.meetingID, at: 8)
        memory.store64(layout.devicePageAddress, at: 16)
        memory.store64(0, at: 24)
        memory.store64(layout.counts, at: 32)
        store(layout.hostWindows, at: Int(VOP_LINK_HOST_WINDOWS_OFFSET))
        store(layout.guestWindows, at: Int(VOP_LINK_GUEST_WINDOWS_OFFSET))
        // ORDER: release; pairs with the acquiring loads in `check` and `layout()`.
        memory.storeReleasing32(VOP_LINK_MAGIC, at: 0)
    }

    /// What the host laid out, copied once and not checked but for its form.
    func layout() throws(MeetingRefusal) -> LinkLayout {
        // ORDER: acquire; pairs with the releasing store in `lay(out:)`.
        let magic = memory.loadAcquiring32(at: 0)
        guard magic == VOP_LINK_MAGIC else { throw MeetingRefusal("no link header") }
        let kind = memory.load32(at: 4)
        guard kind & 0xFFFF == UInt32(VOP_LINK_VERSION) else {
            throw MeetingRefusal(.version, "link header version \(kind & 0xFFFF); 1 is known here")
        }
        guard kind >> 16 == 0 else { throw MeetingRefusal("flags that were not asked for") }
        let counts = memory.load64(at: 32)
        return try LinkLayout(
            meetingID: memory.load64(at: 8), devicePageAddress: memory.load64(at: 16), counts: counts,
            hostWindows: ranges(at: Int(VOP_LINK_HOST_WINDOWS_OFFSET)),
            guestWindows: ranges(at: Int(VOP_LINK_GUEST_WINDOWS_OFFSET)))
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
    ///
    /// - Parameter echoed: what was answered last, 0 at first. Our own line is not asked: others can write it.
    func answerPing(_ echoed: inout UInt64) {
        let asked = memory.load64(at: theirLiveness)
        guard asked != echoed else { return }
        echoed = asked
        memory.store64(asked, at: ownLiveness + 8)
    }

    /// Asks the peer whether it runs. It finds that when it is rung.
    func ask(_ ping: UInt64) { memory.store64(ping, at: ownLiveness) }

    /// Which of our questions the peer answered last.
    var peerEcho: UInt64 { memory.load64(at: theirLiveness + 8) }

    private var ownLiveness: Int { Self.livenessOffset(of: side) }
    private var theirLiveness: Int { Self.livenessOffset(of: side.peer) }
    static func livenessOffset(of side: Side) -> Int {
        Int(side == .host ? VOP_LINK_HOST_LIVENESS_OFFSET : VOP_LINK_GUEST_LIVENESS_OFFSET)
    }

    var hasVanished: Bool { memory.hasVanished }

    private func ranges(at offset: Int) -> [MeetingRange] {
        (0..<Int(VOP_MEETING_WINDOWS_MAX)).map {
            MeetingRange(
                base: memory.load64(at: offset + 16 * $0), byteCount: memory.load64(at: offset + 16 * $0 + 8))
        }
    }

    private func store(_ ranges: [MeetingRange], at offset: Int) {
        for (index, range) in ranges.enumerated() {
            memory.store64(range.base, at: offset + 16 * index)
            memory.store64(range.byteCount, at: offset + 16 * index + 8)
        }
    }
}
