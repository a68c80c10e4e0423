import CVOP

/// What a host lays out in a link header: which meeting it is, and where all windows lie.
struct LinkLayout: Equatable {
    var meetingID: UInt64
    var isResumed = false
    var devicePageAddress: UInt64
    var hostWindows: [MeetingRange]
    var guestWindows: [MeetingRange]
    var hostDoorbellCount: Int
    var guestDoorbellCount: Int

    var flags: UInt32 { isResumed ? UInt32(VOP_MEETING_RESUMED) : 0 }

    /// The four 16-bit counts from offset 32 on.
    var counts: UInt64 {
        UInt64(hostWindows.count) | UInt64(guestWindows.count) << 16 | UInt64(hostDoorbellCount) << 32
            | UInt64(guestDoorbellCount) << 48
    }

    /// All as a peer wrote it.
    ///
    /// - Throws: for numbers that no layout has (the host's fault); where its windows lie is not looked at.
    init(
        meetingID: UInt64, devicePageAddress: UInt64, counts: UInt64, hostWindows: [MeetingRange],
        guestWindows: [MeetingRange]
    ) throws(MeetingRefusal) {
        let (hostCount, guestCount) = (Int(counts & 0xFFFF), Int(counts >> 16 & 0xFFFF))
        guard meetingID != 0, (1...hostWindows.count).contains(hostCount),
            (1...guestWindows.count).contains(guestCount)
        else { throw MeetingRefusal(.window, "\(hostCount) host and \(guestCount) guest windows") }
        self.meetingID = meetingID
        self.devicePageAddress = devicePageAddress
        self.hostWindows = Array(hostWindows.prefix(hostCount))
        self.guestWindows = Array(guestWindows.prefix(guestCount))
        hostDoorbellCount = Int(counts >> 32 & 0xFFFF)
        guestDoorbellCount = Int(counts >> 48 & 0xFFFF)
        try MeetingRefusal.requireDoorbellCount(hostDoorbellCount)
        try MeetingRefusal.requireDoorbellCount(guestDoorbellCount)
    }

    init(
        meetingID: UInt64, isResumed: Bool = false, devicePageAddress: UInt64, hostWindows: [MeetingRange],
        guestWindows: [MeetingRange], hostDoorbellCount: Int, guestDoorbellCount: Int
    ) {
        self.meetingID = meetingID
        self.isResumed = isResumed
        self.devicePageAddress = devicePageAddress
        self.hostWindows = hostWindows
        self.guestWindows = guestWindows
        self.hostDoorbellCount = hostDoorbellCount
        self.guestDoorbellCount = guestDoorbellCount
    }

    /// As a welcome says.
    init(_ welcome: MeetingWelcome, guestDoorbellCount: Int) {
        self.init(
            meetingID: welcome.meetingID, isResumed: welcome.isResumed,
            devicePageAddress: welcome.devicePageAddress, hostWindows: welcome.hostWindows,
            guestWindows: welcome.guestWindows, hostDoorbellCount: welcome.doorbellCount,
            guestDoorbellCount: guestDoorbellCount)
    }
}
