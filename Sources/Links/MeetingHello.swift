import CVOP

/// The guest's first word (`struct vop_meeting_hello`): its windows, the doorbells it is rung by, and the meeting it
/// could resume. Descriptors: its windows, the host's that it hands back, its eventfds.
struct MeetingHello: Equatable {
    static let byteCount = MemoryLayout<vop_meeting_hello>.size

    /// The meeting a guest asks to resume.
    struct Earlier: Equatable {
        let meetingID: UInt64
        let devicePageAddress: UInt64
        /// The host's windows; none where the guest has lost them.
        let returned: [MeetingRange]
    }

    /// Its own; their bases are zero unless it asks to resume.
    let windows: [MeetingRange]
    let doorbellCount: Int
    let earlier: Earlier?

    var windowByteCounts: [Int] { windows.map { Int($0.byteCount) } }
    private var descriptorCount: Int { windows.count + (earlier?.returned.count ?? 0) + doorbellCount }

    func encoded() -> [UInt8] {
        var writer = MeetingWriter(.hello, byteCount: Self.byteCount, descriptorCount: descriptorCount)
        writer.put(UInt32(VOP_SIDE_GUEST))
        writer.put(earlier == nil ? 0 : UInt32(VOP_MEETING_RESUMED))
        writer.put(earlier?.meetingID ?? 0)
        writer.put(UInt16(windows.count))
        writer.put(UInt16(earlier?.returned.count ?? 0))
        writer.put(UInt16(doorbellCount))
        writer.put(UInt16(0))
        writer.put(earlier?.devicePageAddress ?? 0)
        writer.put(windows)
        writer.put(earlier?.returned ?? [])
        return writer.bytes
    }

    init(windowByteCounts: [Int], doorbellCount: Int) {
        windows = windowByteCounts.map { MeetingRange(base: 0, byteCount: UInt64($0)) }
        self.doorbellCount = doorbellCount
        earlier = nil
    }

    /// A guest that would go on with a meeting.
    init(resuming meeting: ResumableMeeting, doorbellCount: Int) {
        windows = meeting.record.guestWindows
        self.doorbellCount = doorbellCount
        earlier = Earlier(
            meetingID: meeting.record.meetingID, devicePageAddress: meeting.record.devicePageAddress,
            returned: meeting.isHeld ? meeting.record.hostWindows : [])
    }

    init(untrusted bytes: [UInt8], descriptorCount: Int) throws(MeetingRefusal) {
        var reader = try MeetingReader(
            untrusted: bytes, .hello, byteCount: Self.byteCount, descriptorCount: descriptorCount)
        guard reader.take(UInt32.self) == UInt32(VOP_SIDE_GUEST) else {
            throw MeetingRefusal(.side, "a guest was expected")
        }
        let asksToResume = reader.take(UInt32.self) & UInt32(VOP_MEETING_RESUMED) != 0
        let meetingID = reader.take(UInt64.self)
        let windowCount = Int(reader.take(UInt16.self))
        let returnedCount = Int(reader.take(UInt16.self))
        doorbellCount = Int(reader.take(UInt16.self))
        reader.skip(2)
        let pageAddress = reader.take(UInt64.self)
        let counts = 1...Int(VOP_MEETING_WINDOWS_MAX)
        guard counts.contains(windowCount),
            returnedCount == 0 || asksToResume && counts.contains(returnedCount)
        else { throw MeetingRefusal(.window, "\(windowCount) windows and \(returnedCount) handed back") }
        try MeetingRefusal.requireDoorbellCount(doorbellCount)
        windows = Array(reader.takeRanges().prefix(windowCount))
        for range in windows { _ = try range.checkedByteCount() }
        // What it hands back is looked at where it is taken: it may be no good, and the meeting is a fresh one.
        let returned = Array(reader.takeRanges().prefix(returnedCount))
        earlier =
            asksToResume
            ? Earlier(meetingID: meetingID, devicePageAddress: pageAddress, returned: returned) : nil
        guard descriptorCount == self.descriptorCount else {
            throw MeetingRefusal("\(descriptorCount) descriptors; \(self.descriptorCount) are right")
        }
    }
}
