import CVOP
import SharedMemory
import Virtio

/// Where the link header and the windows of a meeting lie: in one memory that both sides map, or, over a bridge, in a
/// memory of each side's that the other reaches.
///
/// ```
///   one     0       4096              a quarter                                                    the end
///           | header | host: page, rings | guest: used rings, buffers                              |
///
///   each    0       4096              the end     2^35                                  the end
///           | header | host: page, rings |           | guest: used rings, buffers           |
///           |<------ the host's memory ->|           |<------ the guest's memory ----------->|
/// ```
/// A window's address is the meeting's place, a multiple of 2^36, plus what stands above it in the drawing; so an address
/// kept from an earlier meeting lies in no window, although the memory is the same.
struct MemoryPartition {
    private let host: MemoryWindow
    private let guest: MemoryWindow
    /// Both are the same.
    private let isOne: Bool

    init(_ attachment: SharedMemoryAttachment, _ side: Side) {
        let (own, peer) = (attachment.memory, attachment.peerMemory ?? attachment.memory)
        (host, guest) = side == .host ? (own, peer) : (peer, own)
        isOne = attachment.peerMemory == nil
    }

    /// The link header's page, which nobody counts.
    var header: MemoryWindow { host.part(at: 0, byteCount: LinkHeader.byteCount).counted(by: nil) }

    /// The host's, before the guest looks for the page in it.
    func clearDevicePage() {
        host.zero(at: LinkHeader.byteCount, byteCount: MeetingLimits.devicePageByteCount)
    }

    // MARK: Sizes

    /// What is needed for the header's page, the device page and one device, with something to spare; and what a window
    /// may have.
    private static let byteCounts = MeetingLimits.windowByteCounts

    /// Says what is wrong with a memory of that size, `nil` when nothing is.
    static func fault(byteCount: Int) -> String? {
        byteCounts.contains(byteCount) && byteCount % pageByteCount == 0
            ? nil
            : "a memory of \(byteCount) bytes; a link needs a multiple of 4096 from \(byteCounts.lowerBound) to \(byteCounts.upperBound)"
    }

    /// Where the host's part of one memory ends.
    static func border(of byteCount: Int) -> Int { byteCount / 4 / pageByteCount * pageByteCount }

    private static let pageByteCount = 4096

    // MARK: Ranges

    /// The host's choice.
    func windows(ofMeeting number: UInt64) -> (host: MeetingRange, guest: MeetingRange) {
        let place = MeetingLimits.bases(ofMeeting: number).host
        let header = LinkHeader.byteCount
        let hostEnd = isOne ? Self.border(of: host.byteCount) : host.byteCount
        let guestStart = isOne ? hostEnd : 0
        return (
            MeetingRange(base: place + UInt64(header), byteCount: UInt64(hostEnd - header)),
            MeetingRange(
                base: place + start(of: .guest) + UInt64(guestStart),
                byteCount: UInt64(guest.byteCount - guestStart))
        )
    }

    /// Windows of that side's as the host stated them.
    ///
    /// - Throws: for one that is not inside its memory, behind the header's page, or of another meeting's place (the
    ///   host's fault). Whether they overlap is checked where they become address spaces.
    func place(
        _ ranges: [MeetingRange], of side: Side, like first: MeetingRange
    ) throws(MeetingRefusal) -> [AddressSpace.Placement] {
        let memory = side == .host ? host : guest
        let lowest = isOne || side == .host ? UInt64(LinkHeader.byteCount) : 0
        let placeMask = UInt64(1) << VOP_LINK_PLACE_SHIFT - 1
        var placements: [AddressSpace.Placement] = []
        for range in ranges {
            let (offset, isBefore) = (try range.checkedBase() & placeMask)
                .subtractingReportingOverflow(start(of: side))
            let (end, overflow) = offset.addingReportingOverflow(range.byteCount)
            guard range.base & ~placeMask == first.base & ~placeMask, range.base > placeMask, !isBefore,
                offset >= lowest, range.byteCount >= UInt64(Self.pageByteCount),
                range.byteCount % UInt64(Self.pageByteCount) == 0, !overflow,
                end <= UInt64(memory.byteCount)
            else {
                throw MeetingRefusal(
                    .window,
                    "a window of \(range.byteCount) bytes at \(range.base) in a memory of \(memory.byteCount)"
                )
            }
            placements.append(
                AddressSpace.Placement(
                    base: range.base, window: memory.part(at: Int(offset), byteCount: Int(range.byteCount))))
        }
        return placements
    }

    /// Where that side's memory starts behind the meeting's place.
    private func start(of side: Side) -> UInt64 {
        isOne || side == .host ? 0 : 1 << UInt64(VOP_LINK_PLACE_SHIFT - 1)
    }
}
