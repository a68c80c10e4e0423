import CVOP

/// The guest's first word (`struct vop_meeting_hello`): its window, and the doorbells it is rung by. Descriptors:
/// its windows, then its eventfds.
struct MeetingHello: Equatable {
    static let byteCount = MemoryLayout<vop_meeting_hello>.size

    let windowByteCounts: [Int]
    let doorbellCount: Int

    func encoded() -> [UInt8] {
        var writer = MeetingWriter(
            .hello, byteCount: Self.byteCount, descriptorCount: windowByteCounts.count + doorbellCount)
        writer.put(UInt32(VOP_SIDE_GUEST))
        writer.put(UInt32(0))
        writer.put(UInt64(0))
        writer.put(UInt16(windowByteCounts.count))
        writer.put(UInt16(0))
        writer.put(UInt16(doorbellCount))
        writer.put(UInt16(0))
        writer.put(UInt64(0))
        writer.put(windowByteCounts.map { MeetingRange(base: 0, byteCount: UInt64($0)) })
        writer.put([MeetingRange]())
        return writer.bytes
    }

    init(windowByteCounts: [Int], doorbellCount: Int) {
        self.windowByteCounts = windowByteCounts
        self.doorbellCount = doorbellCount
    }

    init(untrusted bytes: [UInt8], descriptorCount: Int) throws(MeetingRefusal) {
        var reader = try MeetingReader(
            untrusted: bytes, .hello, byteCount: Self.byteCount, descriptorCount: descriptorCount)
        guard reader.take(UInt32.self) == UInt32(VOP_SIDE_GUEST) else {
            throw MeetingRefusal(.side, "a guest was expected")
        }
        // A fresh meeting is always possible, so what the guest says of an earlier one is not looked at.
        reader.skip(4 + 8)
        let windowCount = Int(reader.take(UInt16.self))
        let returnedCount = Int(reader.take(UInt16.self))
        doorbellCount = Int(reader.take(UInt16.self))
        reader.skip(2 + 8)
        guard (1...Int(VOP_MEETING_WINDOWS_MAX)).contains(windowCount), returnedCount == 0 else {
            throw MeetingRefusal(.window, "\(windowCount) windows and \(returnedCount) handed back")
        }
        try MeetingRefusal.requireDoorbellCount(doorbellCount)
        guard descriptorCount == windowCount + doorbellCount else {
            throw MeetingRefusal("\(descriptorCount) descriptors; \(windowCount + doorbellCount) are right")
        }
        var counts: [Int] = []
        for range in reader.takeRanges().prefix(windowCount) { counts.append(try range.checkedByteCount()) }
        windowByteCounts = counts
    }
}
