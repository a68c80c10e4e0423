import CVOP
import Testing

@testable import Links

@Suite struct MeetingMessageTests {
    @Test("messages agree with the header's structures")
    func agreesWithHeader() {
        let hello = MeetingHello(windowByteCounts: [1 << 20, 1 << 21], doorbellCount: 7).encoded()
        let welcome = MeetingWelcome(
            meetingID: 0x1122_3344_5566_7788, hostWindows: [MeetingRange(base: 1 << 36, byteCount: 1 << 20)],
            guestWindows: [MeetingRange(base: 1 << 37, byteCount: 1 << 22)], doorbellCount: 3,
            devicePageAddress: 1 << 36)
        let ready = MeetingReady(meetingID: 42).encoded()

        let helloFields = unsafe hello.withUnsafeBytes { unsafe $0.loadUnaligned(as: vop_meeting_hello.self) }
        #expect(hello.count == 176)
        #expect(helloFields.message.magic == VOP_MEETING_MAGIC)
        #expect(helloFields.message.byte_count == 176 && helloFields.message.descriptor_count == 9)
        #expect(helloFields.side == UInt32(VOP_SIDE_GUEST))
        #expect(helloFields.window_count == 2 && helloFields.doorbell_count == 7)
        #expect(helloFields.windows.1.byte_count == 1 << 21)

        let bytes = welcome.encoded()
        let fields = unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(as: vop_meeting_welcome.self) }
        #expect(bytes.count == 240)
        #expect(fields.status == UInt32(VOP_MEETING_WELCOMED) && fields.meeting_id == welcome.meetingID)
        #expect(fields.page_address == 1 << 36 && fields.message.descriptor_count == 5)
        #expect(fields.host_windows.0.base == 1 << 36 && fields.guest_windows.0.byte_count == 1 << 22)

        let readyFields = unsafe ready.withUnsafeBytes { unsafe $0.loadUnaligned(as: vop_meeting_ready.self) }
        #expect(ready.count == 32 && readyFields.meeting_id == 42)
    }

    @Test("what was encoded comes back")
    func roundTrip() throws {
        let hello = MeetingHello(windowByteCounts: [1 << 20], doorbellCount: 16)
        #expect(try MeetingHello(untrusted: hello.encoded(), descriptorCount: 17) == hello)
        let refusal = MeetingRefusal(.busy, String(repeating: "é", count: 50))
        let thrown = #expect(throws: MeetingRefusal.self) {
            try MeetingWelcome(untrusted: MeetingWelcome.encoded(refusal), descriptorCount: 0, offered: [])
        }
        #expect(thrown == MeetingRefusal(.busy, String(repeating: "é", count: 32)))
    }

    @Test("a peer's reason reaches the log without control characters, of either kind")
    func reasonIsPrintable() {
        let refusal = MeetingRefusal(.busy, "a\u{1B}b\u{7F}c\u{9B}d\né")
        let thrown = #expect(throws: MeetingRefusal.self) {
            try MeetingWelcome(untrusted: MeetingWelcome.encoded(refusal), descriptorCount: 0, offered: [])
        }
        #expect(thrown?.reason == "a?b?c?d?é")
    }
}
