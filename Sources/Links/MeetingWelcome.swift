import CVOP
import SharedMemory

/// The host's answer (`struct vop_meeting_welcome`): its window, and where all windows lie. Descriptors: its
/// windows, the link header, its eventfds. A refusal brings none.
struct MeetingWelcome: Equatable {
    static let byteCount = MemoryLayout<vop_meeting_welcome>.size
    private static let reasonByteCount = Int(VOP_MEETING_REASON_BYTE_COUNT)

    let meetingID: UInt64
    let hostWindows: [MeetingRange]
    let guestWindows: [MeetingRange]
    let doorbellCount: Int
    let devicePageAddress: UInt64

    var descriptorCount: Int { hostWindows.count + 1 + doorbellCount }

    func encoded() -> [UInt8] {
        var writer = MeetingWriter(.welcome, byteCount: Self.byteCount, descriptorCount: descriptorCount)
        writer.put(UInt32(VOP_MEETING_WELCOMED))
        writer.put(UInt32(0))
        writer.put(meetingID)
        writer.put(UInt16(hostWindows.count))
        writer.put(UInt16(guestWindows.count))
        writer.put(UInt16(0))
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
        meetingID: UInt64, hostWindows: [MeetingRange], guestWindows: [MeetingRange], doorbellCount: Int,
        devicePageAddress: UInt64
    ) {
        self.meetingID = meetingID
        self.hostWindows = hostWindows
        self.guestWindows = guestWindows
        self.doorbellCount = doorbellCount
        self.devicePageAddress = devicePageAddress
    }

    /// - Parameter offered: the sizes of the windows that our HELLO announced.
    /// - Throws: the host's refusal, or what is wrong with its welcome.
    init(untrusted bytes: [UInt8], descriptorCount: Int, offered: [Int]) throws(MeetingRefusal) {
        var reader = try MeetingReader(
            untrusted: bytes, .welcome, byteCount: Self.byteCount, descriptorCount: descriptorCount)
        let status = reader.take(UInt32.self)
        guard status == UInt32(VOP_MEETING_WELCOMED) else {
            reader.skip(Self.byteCount - MeetingMessage.headerByteCount - 4 - Self.reasonByteCount)
            throw MeetingRefusal(
                MeetingRefusal.Status(rawValue: status) ?? .other,
                reader.takeText(byteCount: Self.reasonByteCount))
        }
        guard reader.take(UInt32.self) == 0 else { throw MeetingRefusal("flags that were not asked for") }
        meetingID = reader.take(UInt64.self)
        let hostCount = Int(reader.take(UInt16.self))
        let guestCount = Int(reader.take(UInt16.self))
        let returnedCount = Int(reader.take(UInt16.self))
        doorbellCount = Int(reader.take(UInt16.self))
        devicePageAddress = reader.take(UInt64.self)
        guard (1...Int(VOP_MEETING_WINDOWS_MAX)).contains(hostCount), guestCount == offered.count,
            returnedCount == 0, meetingID != 0
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
