import LinuxSystem
import SharedMemory
import SystemPackage
import Virtio

/// Everything a host hands one guest: memory of its own, the link header, and where all windows lie. In a fresh meeting
/// its memory and all places are new; in a resumed one they are those of before.
struct HostWelcome {
    let message: MeetingWelcome
    let meeting: ResumableMeeting
    let windows: MetWindows
    let header: LinkHeader
    let ownDoorbells: [EventCounter]
    private let headerMemory: SealedWindow

    var isResumed: Bool { message.isResumed }

    /// A fresh meeting.
    ///
    /// - Throws: when there is no memory or there are no descriptors for it (ours), or windows overlap.
    init(
        meetingID: UInt64, hello: MeetingHello, guestWindows: [SealedWindow], peerUser: UInt32?,
        settings: SharedMemorySettings, crossing: CrossingCounters
    ) throws(MeetingRefusal) {
        let offered: OfferedMemory
        do throws(Errno) { offered = try OfferedMemory(settings) } catch { throw Self.outOfMemory(error) }
        let bases = MeetingLimits.bases(ofMeeting: meetingID)
        let step = UInt64(MeetingLimits.windowByteCounts.upperBound)
        let message = MeetingWelcome(
            meetingID: meetingID, isResumed: false,
            hostWindows: offered.windows.map {
                MeetingRange(base: bases.host, byteCount: UInt64($0.byteCount))
            },
            guestWindows: guestWindows.enumerated().map {
                MeetingRange(base: bases.guest + step * UInt64($0), byteCount: UInt64($1.byteCount))
            },
            doorbellCount: offered.doorbells.count, devicePageAddress: bases.host)
        let record = MeetingRecord(
            .host, message, doorbellCount: min(hello.doorbellCount, offered.doorbells.count),
            ownIdentities: offered.windows.map(\.identity))
        try self.init(
            message,
            ResumableMeeting(record: record, own: offered.windows, peer: guestWindows, peerUser: peerUser),
            offered.doorbells, guestDoorbellCount: hello.doorbellCount, crossing)
    }

    /// An earlier meeting that goes on.
    ///
    /// - Parameter meeting: with the windows of both sides.
    init(
        resuming meeting: ResumableMeeting, hello: MeetingHello, settings: SharedMemorySettings,
        crossing: CrossingCounters
    ) throws(MeetingRefusal) {
        let offered: OfferedMemory
        do throws(Errno) {
            offered = try OfferedMemory(settings, windows: meeting.own)
        } catch { throw Self.outOfMemory(error) }
        let message = MeetingWelcome(
            meetingID: meeting.record.meetingID, isResumed: true, hostWindows: meeting.record.hostWindows,
            guestWindows: meeting.record.guestWindows, doorbellCount: offered.doorbells.count,
            devicePageAddress: meeting.record.devicePageAddress)
        try self.init(message, meeting, offered.doorbells, guestDoorbellCount: hello.doorbellCount, crossing)
    }

    private init(
        _ message: MeetingWelcome, _ meeting: ResumableMeeting, _ doorbells: [EventCounter],
        guestDoorbellCount: Int, _ crossing: CrossingCounters
    ) throws(MeetingRefusal) {
        do throws(Errno) {
            headerMemory = try SealedWindow(name: "vop-link-header", byteCount: LinkHeader.byteCount)
        } catch { throw Self.outOfMemory(error) }
        do throws(PeerViolation) {
            windows = try MetWindows(
                seenBy: .host, host: ResumableMeeting.placements(message.hostWindows, meeting.own),
                guest: ResumableMeeting.placements(message.guestWindows, meeting.peer),
                devicePageAddress: message.devicePageAddress, crossing: crossing)
        } catch { throw MeetingRefusal(error) }
        self.message = message
        self.meeting = meeting
        ownDoorbells = doorbells
        header = LinkHeader(headerMemory.window, seenBy: .host)
        header.lay(out: LinkLayout(message, guestDoorbellCount: guestDoorbellCount))
    }

    /// In the order WELCOME brings them.
    var descriptors: [CInt] {
        meeting.own.map(\.rawDescriptor) + (isResumed ? meeting.peer.map(\.rawDescriptor) : [])
            + [headerMemory.rawDescriptor] + ownDoorbells.map(\.rawDescriptor)
    }

    private static func outOfMemory(_ errno: Errno) -> MeetingRefusal {
        MeetingRefusal("the host has no memory or descriptors left: \(errno)")
    }
}
