import CVOP
import SharedMemory

/// How one memory that both sides map is divided: the link header's page, the host's window, the guest's.
///
/// ```
///   0       4096              a quarter                                                    the end
///   | header | host: page, rings | guest: used rings, buffers                              |
/// ```
/// A window's address is the meeting's place, a multiple of 2^36, plus its offset in the memory; so an address kept from
/// an earlier meeting lies in no window, although the memory is the same.
enum MemoryPartition {
    /// What is needed for the header's page, the device page and one device, with something to spare; and what a window
    /// may have.
    static let byteCounts = MeetingLimits.windowByteCounts
    private static let placeMask = UInt64(1) << VOP_LINK_PLACE_SHIFT - 1
    private static let pageByteCount: UInt64 = 4096

    /// Says what is wrong with a memory of that size, `nil` when nothing is.
    static func fault(byteCount: Int) -> String? {
        byteCounts.contains(byteCount) && byteCount % 4096 == 0
            ? nil
            : "a memory of \(byteCount) bytes; a link needs a multiple of 4096 from \(byteCounts.lowerBound) to \(byteCounts.upperBound)"
    }

    /// The host's choice.
    static func windows(
        of byteCount: Int, meetingNumber: UInt64
    ) -> (host: MeetingRange, guest: MeetingRange) {
        let place = MeetingLimits.bases(ofMeeting: meetingNumber).host
        let header = UInt64(LinkHeader.byteCount)
        let border = UInt64(byteCount) / 4 / pageByteCount * pageByteCount
        return (
            MeetingRange(base: place + header, byteCount: border - header),
            MeetingRange(base: place + border, byteCount: UInt64(byteCount) - border)
        )
    }

    /// Windows as the host stated them, in `memory`.
    ///
    /// - Throws: for one that is not inside the memory behind the header's page, or of another meeting's place (the
    ///   host's fault). Whether they overlap is checked where they become address spaces.
    static func place(
        _ ranges: [MeetingRange], in memory: MemoryWindow, like first: MeetingRange
    ) throws(MeetingRefusal) -> [AddressSpace.Placement] {
        var placements: [AddressSpace.Placement] = []
        for range in ranges {
            let offset = try range.checkedBase() & placeMask
            let (end, overflow) = offset.addingReportingOverflow(range.byteCount)
            guard range.base & ~placeMask == first.base & ~placeMask, range.base > placeMask,
                offset >= UInt64(LinkHeader.byteCount), range.byteCount >= pageByteCount,
                range.byteCount % pageByteCount == 0, !overflow, end <= UInt64(memory.byteCount)
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
}
