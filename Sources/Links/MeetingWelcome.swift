import CVOP
import SharedMemory

/// The host's answer (`struct vop_meeting_welcome`): its window, and where all windows lie. Descriptors: its
/// windows, in a resumed meeting the guest's, the link header, its eventfds. A refusal brings none.
struct MeetingWelcome: Equatable {
    static let byteCount = MemoryLayout<vop_meeting_welcome>.size
    private static let reasonByteCount = Int(VOP_MEETING_REASON_BYTE_COUNT)

    let meetingID: UInt64
    /// An earlier meeting goes on: the guest's windows are handed back.
    let isResumed: Bool
    let hostWindows: [MeetingRange]
    let guestWindows: [MeetingRange]
    let doorbellCount: Int
    let devicePageAddress: UInt64

    private var returnedCount: Int { isResumed ? guestWindows.count : 0 }
    var descriptorCount: Int { hostWindows.count + returnedCount + 1 + doorbellCount }

    func encoded() -> [UInt8] {
        var writer = MeetingWriter(.welcome, byteCount: Self.byteCount, descriptorCount: descriptorCount)
        writer.put(UInt32(VOP_MEETING_WELCOMED))
        writer.put(isResumed ? UInt32(VOP_MEETING_RESUMED) : 0)
        writer.put(meetingID)
        writer.put(UInt16(hostWindows.count))
        writer.put(UInt16(guestWindows.count))
        writer.put(UInt16(returnedCount))
        writer.put(UInt16(doorbellCount))
        writer.put(devicePageAddress)
        writer.put(hostWindows)
        writer.put(guestWindows)
        writer.put("", byteCount: Self.reasonByteCount)
        return writer.bytes
    }

    static func encoded(_ refusal: MeetingRefusal) -> [UInt8] {
        var writer = MeetingWriter(.welcome, byteCount: byteCount, descriptorCount: 0)
        writer.put(refusal.status.rawValue)
        writer.skip(byteCount - MeetingMessage.headerByteCount - 4 - reasonByteCount)
        writer.put(refusal.reason, byteCount: reasonByteCount)
        return writer.bytes
    }

    init(
        meetingID: UInt64, isResumed: Bool = false, hostWindows: [MeetingRange], guestWindows: [MeetingRange],
        doorbellCount: Int, devicePageAddress: UInt64
    ) {
        self.meetingID = meetingID
        self.isResumed = isResumed
        self.hostWindows = hostWindows
        self.guestWindows = guestWindows
        self.doorbellCount = doorbellCount
        self.devicePageAddress = devicePageAddress
    }

    /// - Parameters:
    ///   - offered: the sizes of the windows that our HELLO announced.
    ///   - mayResume: our HELLO asked for it.
    /// - Throws: the host's refusal, or what is wrong with its welcome.
    init(untrusted bytes: [UInt8], descriptorCount: Int, offered: [Int], mayResume: Bool = false)
        throws(MeetingRefusal)
    {
        var reader = try MeetingReader(
            untrusted: bytes, .welcome, byteCount: Self.byteCount, descriptorCount: descriptorCount)
        let status = reader.take(UInt32.self)
        guard status == UInt32(VOP_MEETING_WELCOMED) else {
            reader.skip(Self.byteCount - MeetingMessage.headerByteCount - 4 - Self.reasonByteCount)
            throw MeetingRefusal(
                MeetingRefusal.Status(rawValue: status) ?? .other,
                reader.takeText(byteCount: Self.reasonByteCount))
        }
        let flags = reader.take(UInt32.self)
        guard flags == 0 || mayResume && flags == UInt32(VOP_MEETING_RESUMED) else {
            throw MeetingRefusal("flags that were not asked for")
        }
        isResumed = flags != 0
        meetingID = reader.take(UInt64.self)
        let hostCount = Int(reader.take(UInt16.self))
        let guestCount = Int(reader.take(UInt16.self))
        let returnedCount = Int(reader.take(UInt16.self))
        doorbellCount = Int(reader.take(UInt16.self))
        devicePageAddress = reader.take(UInt64.self)
        guard (1...Int(VOP_MEETING_WINDOWS_MAX)).contains(hostCount), guestCount == offered.count,
            returnedCount == (isResumed ? guestCount : 0), meetingID != 0
        else { throw MeetingRefusal(.window, "\(hostCount) host and \(guestCount) guest windows") }
        hostWindows = Array(reader.takeRanges().prefix(hostCount))
        guestWindows = Array(reader.takeRanges().prefix(guestCount))
        try MeetingRefusal.requireDoorbellCount(doorbellCount)
        guard guestWindows.map(\.byteCount) == offered.map(UInt64.init) else {
            throw MeetingRefusal(.window, "our windows came back with other sizes")
        }
        guard descriptorCount == self.descriptorCount else {
            throw MeetingRefusal("\(descriptorCount) descriptors; \(self.descriptorCount) are right")
        }
    }
}
