import SharedMemory
import Virtio

/// The windows of one meeting, as one side sees them: its own uncounted, the other's counted as crossing the link.
struct MetWindows {
    let side: Side
    let all: AddressSpace
    let devicePageAddress: UInt64
    private let own: AddressSpace
    private let peer: AddressSpace
    private var allocator: RangeAllocator

    /// We allocate in the first of our own windows; on the host after the device page, which lies at its start.
    ///
    /// - Parameter devicePageAddress: as the host says; `nil` where the page is at the host window's start.
    /// - Throws: `.meeting` for ranges that overlap or contain zero, `.rangeOutsideWindows` for a page that is in
    ///   no host window (the fault of the side that laid them out).
    init(
        seenBy side: Side, host: [AddressSpace.Placement], guest: [AddressSpace.Placement],
        devicePageAddress stated: UInt64? = nil, crossing: CrossingCounters
    ) throws(PeerViolation) {
        guard let mine = (side == .host ? host : guest).first, let hostBase = host.first?.base else {
            throw .meeting("a side without a window")
        }
        let pageByteCount = UInt64(MeetingLimits.devicePageByteCount)
        let seenHost = side == .host ? host : host.map { $0.counted(by: crossing) }
        let seenGuest = side == .guest ? guest : guest.map { $0.counted(by: crossing) }
        let hostSpace = try AddressSpace(seenHost)
        let guestSpace = try AddressSpace(seenGuest)

        self.side = side
        own = side == .host ? hostSpace : guestSpace
        peer = side == .host ? guestSpace : hostSpace
        all = try AddressSpace(seenHost + seenGuest)
        devicePageAddress = stated ?? hostBase
        _ = try hostSpace.resolve(
            try PeerRange(untrustedAddress: devicePageAddress, byteCount: pageByteCount))
        allocator = RangeAllocator((side == .host ? mine.base + pageByteCount : mine.base)..<mine.end)
    }

    func windows(of side: Side) -> AddressSpace { side == self.side ? own : peer }

    mutating func allocate(byteCount: Int, alignment: Int) throws(LinkError) -> PeerRange {
        guard
            let address = allocator.allocate(byteCount: UInt64(byteCount), alignment: UInt64(alignment))
        else { throw .outOfMemory(byteCount: byteCount) }
        do throws(PeerViolation) {
            let range = try PeerRange(untrustedAddress: address, byteCount: UInt64(byteCount))
            try own.window(covering: range).zero(at: 0, byteCount: byteCount)
            return range
        } catch { throw .peer(error) }
    }

    /// Takes exactly that range, which an earlier life of this process had allocated; its bytes stay.
    mutating func reclaim(_ range: PeerRange) -> Bool {
        allocator.claim(range.address, byteCount: range.byteCount)
    }

    /// What is allocated stays so: the meeting goes on, and this side held it all the while.
    mutating func keepAllocations(of earlier: MetWindows) { allocator = earlier.allocator }

    /// A range of an earlier meeting is not ours any more, and is left alone.
    mutating func free(_ range: PeerRange) { allocator.release(range.address) }
}

extension AddressSpace.Placement {
    func counted(by crossing: CrossingCounters) -> Self {
        Self(base: base, window: window.counted(by: crossing))
    }
}
