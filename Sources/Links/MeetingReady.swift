import CVOP

/// The guest's last word (`struct vop_meeting_ready`): both are up. No descriptors.
struct MeetingReady: Equatable {
    static let byteCount = MemoryLayout<vop_meeting_ready>.size

    let meetingID: UInt64

    init(meetingID: UInt64) { self.meetingID = meetingID }

    func encoded() -> [UInt8] {
        var writer = MeetingWriter(.ready, byteCount: Self.byteCount, descriptorCount: 0)
        writer.put(meetingID)
        writer.put(UInt64(0))
        return writer.bytes
    }

    init(untrusted bytes: [UInt8], descriptorCount: Int) throws(MeetingRefusal) {
        var reader = try MeetingReader(
            untrusted: bytes, .ready, byteCount: Self.byteCount, descriptorCount: descriptorCount)
        meetingID = reader.take(UInt64.self)
    }
}
