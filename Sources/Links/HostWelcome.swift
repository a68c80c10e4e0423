import LinuxSystem
import SharedMemory
import SystemPackage
import Virtio

/// Everything a host hands one guest: new memory of its own, the link header, and where all windows lie.
struct HostWelcome {
    let message: MeetingWelcome
    let windows: MetWindows
    let header: LinkHeader
    let offered: OfferedMemory
    private let headerMemory: SealedWindow

    /// - Throws: when there is no memory or there are no descriptors for it (ours), or windows overlap.
    init(
        meetingID: UInt64, hello: MeetingHello, guestWindows: [MemoryWindow], settings: SharedMemorySettings,
        crossing: CrossingCounters
    ) throws(MeetingRefusal) {
        do throws(Errno) {
            offered = try OfferedMemory(settings)
            headerMemory = try SealedWindow(name: "vop-link-header", byteCount: LinkHeader.byteCount)
        } catch { throw MeetingRefusal("the host has no memory or descriptors left: \(error)") }
        header = LinkHeader(headerMemory.window, seenBy: .host)

        let bases = MeetingLimits.bases(ofMeeting: meetingID)
        let host = AddressSpace.Placement(base: bases.host, window: offered.window)
        var guest: [AddressSpace.Placement] = []
        var base = bases.guest
        for window in guestWindows {
            guest.append(AddressSpace.Placement(base: base, window: window))
            base += UInt64(MeetingLimits.windowByteCounts.upperBound)
        }
        do throws(PeerViolation) {
            windows = try MetWindows(seenBy: .host, host: [host], guest: guest, crossing: crossing)
        } catch { throw MeetingRefusal(error) }
        message = MeetingWelcome(
            meetingID: meetingID, hostWindows: [MeetingRange(host)],
            guestWindows: guest.map { MeetingRange($0) }, doorbellCount: offered.doorbells.count,
            devicePageAddress: windows.devicePageAddress)
        header.lay(out: message, guestDoorbellCount: hello.doorbellCount)
    }

    /// In the order WELCOME brings them.
    var descriptors: [CInt] {
        offered.windowDescriptors + [headerMemory.rawDescriptor] + offered.doorbellDescriptors
    }
}

extension MeetingRange {
    init(_ placement: AddressSpace.Placement) {
        self.init(base: placement.base, byteCount: UInt64(placement.window.byteCount))
    }
}
