import CVOP
import LinuxSystem
import SharedMemory
import TestSupport
import Testing
import Virtio

@testable import Links

/// What a host may do wrong, done over the socket. Whatever it is, the guest says so, tries again, and meets a host that
/// does it right.
@Suite struct HostileHostTests {
    struct BadWelcome: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// Part of what the guest notes.
        let says: String
        var change: @Sendable (inout [UInt8]) -> Void = { _ in }
        var descriptors: @Sendable (HostileHostTests.Offer) throws -> [CInt] = { $0.all }
    }

    /// What a right WELCOME brings.
    struct Offer {
        let window: CInt
        let header: CInt
        let doorbells: [CInt]
        var all: [CInt] { [window, header] + doorbells }
    }

    static let badWelcomes: [BadWelcome] = [
        BadWelcome(
            testDescription: "garbage", says: "no meeting message", change: { $0 = [0x5A] },
            descriptors: { _ in [] }),
        BadWelcome(testDescription: "a short one", says: "welcome of", change: { $0.removeLast(4) }),
        BadWelcome(
            testDescription: "a refusal", says: "go away",
            change: { $0 = MeetingWelcome.encoded(MeetingRefusal(.busy, "go away")) },
            descriptors: { _ in [] }),
        BadWelcome(testDescription: "a resumed meeting", says: "flags", change: { $0[20] = 1 }),
        BadWelcome(
            testDescription: "no meeting", says: "windows",
            change: { $0.replaceSubrange(24..<32, with: zeroes) }),
        BadWelcome(testDescription: "no host window", says: "windows", change: { $0[32] = 0 }),
        BadWelcome(testDescription: "our window missing", says: "windows", change: { $0[34] = 0 }),
        BadWelcome(testDescription: "our window resized", says: "other sizes", change: { $0[122] = 0x20 }),
        BadWelcome(testDescription: "no doorbells", says: "doorbells", change: { $0[38] = 0 }),
        BadWelcome(
            testDescription: "fewer doorbells", says: "descriptors", descriptors: { Array($0.all.dropLast()) }
        ),
        BadWelcome(
            testDescription: "windows that overlap", says: "overlaps",
            change: { $0.replaceSubrange(112..<120, with: $0[48..<56]) }),
        BadWelcome(
            testDescription: "a window at zero", says: "zero",
            change: { $0.replaceSubrange(48..<56, with: zeroes) }),
        BadWelcome(testDescription: "a window off a page", says: "4096", change: { $0[48] = 8 }),
        BadWelcome(
            testDescription: "a window past the end", says: "past the end of 64 bits",
            change: {
                $0[55] = 0xFF; $0[54] = 0xFF; $0[53] = 0xFF; $0[52] = 0xFF; $0[51] = 0xFF; $0[50] = 0xFF
            }),
        BadWelcome(
            testDescription: "the page in a guest window", says: "window it may use",
            change: { $0.replaceSubrange(40..<48, with: $0[112..<120]) }),
        BadWelcome(
            testDescription: "an unsealed window", says: "not sealed",
            descriptors: { [try TestDescriptor.unsealed(1 << 20), $0.header] + $0.doorbells }),
        BadWelcome(
            testDescription: "a file that is no memory file", says: "memory file",
            descriptors: { [try TestDescriptor.file(), $0.header] + $0.doorbells }),
        BadWelcome(
            testDescription: "a header without its magic", says: "header",
            descriptors: { [$0.window, try TestDescriptor.window(4096)] + $0.doorbells }),
        BadWelcome(
            testDescription: "the header of another meeting", says: "header",
            descriptors: { [$0.window, try header(ofMeeting: 6)] + $0.doorbells }),
        BadWelcome(
            testDescription: "a header of another version", says: "header",
            descriptors: { [$0.window, try header(ofMeeting: 5, version: 9)] + $0.doorbells }),
        BadWelcome(
            testDescription: "a window where the header is due", says: "window 1",
            descriptors: { [$0.window, $0.window] + $0.doorbells }),
    ]
    static let zeroes = [UInt8](repeating: 0, count: 8)

    @Test("a WELCOME that is wrong ends the attempt, and the next host is met", arguments: badWelcomes)
    func refusesWelcome(_ bad: BadWelcome) throws {
        let place = try MeetingPlace()
        let guest = try place.link(.guest)
        let bench = MeetingBench(guest)
        do {
            let listener = try Socket.listening(.sequencedPackets, at: place.path, mode: 0o600)
            try guest.start()
            let peer = try accepted(listener, bench)
            let answer = try welcome(try hello(peer))
            var bytes = answer.bytes
            bad.change(&bytes)
            let descriptors = try bad.descriptors(answer.offer)
            try peer.socket.send(bytes, descriptors: descriptors)
            TestDescriptor.close(Array(Set(answer.offer.all + descriptors)))
            try bench.run { bench.notes[0].contains { $0.contains(bad.says) } }
            #expect(guest.state == .waiting)
        }
        try expectMeets(guest, place)
    }

    enum Silence: String, CaseIterable, Sendable { case accepts, neverAccepts }

    @Test("a host that says nothing, or hangs up, is tried again", arguments: Silence.allCases)
    func silence(_ silence: Silence) throws {
        let place = try MeetingPlace()
        let guest = try place.link(.guest, limit: .milliseconds(50))
        let bench = MeetingBench(guest)
        do {
            let listener = try Socket.listening(.sequencedPackets, at: place.path, mode: 0o600)
            try guest.start()
            if silence == .accepts {
                let peer = try accepted(listener, bench)
                try bench.run { bench.notes[0].contains { $0.contains("said nothing") } }
                _ = consume peer
            } else {
                try bench.run { bench.notes[0].contains { $0.contains("said nothing") } }
            }
        }
        guest.stop()
        let patient = try place.link(.guest)
        try patient.start()
        try expectMeets(patient, place)
    }

    @Test("the header says what the welcome said, and pings are answered")
    func header() throws {
        let place = try MeetingPlace()
        let guest = try place.link(.guest)
        let bench = MeetingBench(guest)
        let listener = try Socket.listening(.sequencedPackets, at: place.path, mode: 0o600)
        try guest.start()
        let peer = try accepted(listener, bench)
        let answer = try welcome(try hello(peer))
        defer { TestDescriptor.close(answer.offer.all) }
        try peer.socket.send(answer.bytes, descriptors: answer.offer.all)
        try bench.run { guest.state == .up }
        let header = answer.header
        #expect(header.load32(at: 0) == UInt32(VOP_LINK_MAGIC))
        #expect(header.load64(at: Int(VOP_LINK_GUEST_WINDOWS_OFFSET) + 8) == 1 << 20)
        header.store64(7, at: Int(VOP_LINK_HOST_LIVENESS_OFFSET))
        try bench.run { header.load64(at: Int(VOP_LINK_GUEST_LIVENESS_OFFSET) + 8) == 7 }
    }

    // MARK: A host by hand

    private static func header(ofMeeting meetingID: UInt64, version: UInt16? = nil) throws -> CInt {
        let file = OwnedDescriptor(owning: try TestDescriptor.window(4096))
        let window = unsafe MemoryWindow(try Mapping(of: file.rawValue, byteCount: 4096))
        LinkHeader(window, seenBy: .host).lay(
            out: LinkLayout(
                meetingID: meetingID, devicePageAddress: 4096, hostWindows: [], guestWindows: [],
                hostDoorbellCount: 2, guestDoorbellCount: 2))
        if let version { window.store16(version, at: 4) }
        return file.release()
    }

    private struct Answer {
        let bytes: [UInt8]
        let offer: Offer
        let header: MemoryWindow
    }

    private func accepted(_ listener: borrowing Socket, _ bench: MeetingBench) throws -> ScriptedPeer {
        let limit = ContinuousClock.Instant.now + HangGuard.limit
        while .now < limit {
            var turns = 0
            try bench.run {
                turns += 1; return turns > 2
            }
            if let socket = try listener.accept() { return ScriptedPeer(socket: socket) }
        }
        throw MeetingRefusal("nobody came")
    }

    private func hello(_ peer: borrowing ScriptedPeer) throws -> MeetingHello {
        let message = try #require(try peer.next())
        defer { TestDescriptor.close(message.descriptors) }
        return try MeetingHello(untrusted: message.bytes, descriptorCount: message.descriptors.count)
    }

    private func welcome(_ hello: MeetingHello) throws -> Answer {
        let bases = MeetingLimits.bases(ofMeeting: 5)
        let message = MeetingWelcome(
            meetingID: 5, hostWindows: [MeetingRange(base: bases.host, byteCount: 1 << 20)],
            guestWindows: [MeetingRange(base: bases.guest, byteCount: UInt64(hello.windowByteCounts[0]))],
            doorbellCount: 2, devicePageAddress: bases.host)
        let headerFile = OwnedDescriptor(owning: try TestDescriptor.window(4096))
        let window = unsafe MemoryWindow(try Mapping(of: headerFile.rawValue, byteCount: 4096))
        LinkHeader(window, seenBy: .host).lay(
            out: LinkLayout(message, guestDoorbellCount: hello.doorbellCount))
        let offer = Offer(
            window: try TestDescriptor.window(1 << 20), header: headerFile.release(),
            doorbells: try TestDescriptor.doorbells(2))
        return Answer(bytes: message.encoded(), offer: offer, header: window)
    }

    private func expectMeets(_ guest: SharedMemoryLink, _ place: MeetingPlace) throws {
        let host = try place.link(.host)
        try Socket.awaitSilence(of: .sequencedPackets, at: place.path)
        try host.start()
        try MeetingBench(host, guest).runUntilUp()
        #expect(guest.state == .up)
    }
}
