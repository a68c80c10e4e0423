import CVOP
import Glibc
import LinuxSystem
import SharedMemory
import Testing
import Virtio

@testable import Links

/// What a peer may do wrong when a killed side comes back for its windows. The meeting is a fresh one then; nothing is
/// believed, nothing crashes, and the next meeting is as good as any.
@Suite struct HostileReturnTests {
    /// A guest by hand, who was in a meeting with a real host, and says HELLO to its successor.
    struct Return: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var isResumed = false
        var change: @Sendable (inout [UInt8]) -> Void = { _ in }
        /// In place of the host's own window.
        var window: (@Sendable (CInt) throws -> CInt)?
    }

    static let returns: [Return] = [
        Return(testDescription: "what was handed out", isResumed: true),
        Return(
            testDescription: "another memory of the same size",
            window: { _ in try TestDescriptor.window(1 << 20) }),
        Return(testDescription: "a shrunken one", window: { _ in try TestDescriptor.window(1 << 19) }),
        Return(testDescription: "an unsealed file", window: { _ in try TestDescriptor.unsealed(1 << 20) }),
        Return(testDescription: "an eventfd", window: { _ in try TestDescriptor.doorbells(1)[0] }),
        Return(testDescription: "another meeting", change: { $0[24] ^= 1 }),
        Return(
            testDescription: "no meeting",
            change: { $0.replaceSubrange(24..<32, with: repeatElement(0, count: 8)) }),
        Return(testDescription: "another page", change: { $0[41] ^= 0x10 }),
        Return(testDescription: "another place for its own window", change: { $0[50] ^= 1 }),
        Return(testDescription: "another place for ours", change: { $0[114] ^= 1 }),
        Return(testDescription: "a size of ours that is none", change: { $0[127] ^= 0x80 }),
        Return(
            testDescription: "nothing of an earlier meeting",
            change: {
                $0[20] = 0; $0[34] = 0
            }),
    ]

    @Test("a killed host takes back what it made, and nothing else", arguments: returns)
    func returnedToHost(_ attempt: Return) throws {
        let place = try MeetingPlace()
        let settings = place.settings(recordPath: place.directory + "/record")
        defer { unsafe _ = unlink(place.directory + "/record") }
        let first = try SharedMemoryLink(.host, settings)
        try first.start()
        let guest = try ScriptedGuestMeeting(place, first)
        defer { guest.close() }
        let page = try first.windows(of: .host).window(
            covering: PeerRange(untrustedAddress: first.devicePageAddress, byteCount: 4096))
        page.store64(0xFEED, at: 8)
        let meetingID = first.meetingID
        first.vanish()

        let host = try SharedMemoryLink(.host, settings)
        try host.start()
        let bench = MeetingBench(host)
        var bytes = guest.resumingHello()
        attempt.change(&bytes)
        let returned = try attempt.window?(guest.hostWindow) ?? guest.hostWindow
        var descriptors = [guest.window, returned] + guest.doorbells
        if bytes[20] == 0 { descriptors.remove(at: 1); bytes[12] = UInt8(descriptors.count) }
        let peer = try ScriptedPeer.connected(to: place.path)
        try peer.socket.send(bytes, descriptors: descriptors)
        if returned != guest.hostWindow { TestDescriptor.close([returned]) }
        let welcome = try guest.answer(peer, bench)
        #expect(welcome.isResumed == attempt.isResumed)
        try peer.socket.send(MeetingReady(meetingID: welcome.meetingID).encoded())
        try bench.run { host.state == .up }
        #expect(bench.changes[0] == [attempt.isResumed ? .resumed : .arrived])
        #expect((host.meetingID == meetingID) == attempt.isResumed)
        let word = try host.windows(of: .host).window(
            covering: PeerRange(untrustedAddress: host.devicePageAddress, byteCount: 4096)
        ).load64(at: 8)
        #expect(word == (attempt.isResumed ? 0xFEED : 0))
    }

    /// A host by hand, to whom a killed guest comes back.
    struct Welcome: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var change: @Sendable (inout [UInt8]) -> Void = { _ in }
        /// In place of the guest's own window.
        var window: (@Sendable () throws -> CInt)?
    }

    static let welcomes: [Welcome] = [
        Welcome(
            testDescription: "other memory as the guest's", window: { try TestDescriptor.window(1 << 20) }),
        Welcome(testDescription: "a shrunken one", window: { try TestDescriptor.window(1 << 19) }),
        Welcome(testDescription: "an unsealed file", window: { try TestDescriptor.unsealed(1 << 20) }),
        Welcome(testDescription: "another meeting", change: { $0[24] ^= 1 }),
        Welcome(testDescription: "another page", change: { $0[41] ^= 0x10 }),
        Welcome(testDescription: "its own window elsewhere", change: { $0[50] ^= 1 }),
        Welcome(testDescription: "the guest's window elsewhere", change: { $0[114] ^= 1 }),
        Welcome(testDescription: "nothing handed back", change: { $0[36] = 0 }),
    ]

    @Test(
        "a killed guest takes back what it made, and nothing else: then it meets afresh", arguments: welcomes)
    func returnedToGuest(_ attempt: Welcome) throws {
        let pair = try ResumablePair()
        try pair.kill(.guest)
        let record = try #require(
            MeetingRecord.read(
                from: pair.recordPath(.guest), .guest,
                pair.place.settings(recordPath: pair.recordPath(.guest))))
        pair[.host].stop()
        let hostWindow = try TestDescriptor.window(1 << 20)
        let handedBack = try attempt.window?() ?? (try TestDescriptor.window(1 << 20))
        defer { TestDescriptor.close([hostWindow, handedBack]) }
        do {
            let listener = try Socket.listening(.sequencedPackets, at: pair.place.path, mode: 0o600)
            try pair.remake(.guest)
            let bench = MeetingBench(pair[.guest])
            let peer = try ScriptedPeer.accepted(listener, bench)
            let hello = try #require(try peer.next())
            TestDescriptor.close(hello.descriptors)
            let message = MeetingWelcome(
                meetingID: record.meetingID, isResumed: true, hostWindows: record.hostWindows,
                guestWindows: record.guestWindows, doorbellCount: 16,
                devicePageAddress: record.devicePageAddress)
            let header = OwnedDescriptor(owning: try TestDescriptor.window(4096))
            LinkHeader(unsafe MemoryWindow(try Mapping(of: header.rawValue, byteCount: 4096)), seenBy: .host)
                .lay(out: LinkLayout(message, guestDoorbellCount: 16))
            let doorbells = try TestDescriptor.doorbells(16)
            defer { TestDescriptor.close(doorbells) }
            var bytes = message.encoded()
            attempt.change(&bytes)
            try peer.socket.send(bytes, descriptors: [hostWindow, handedBack, header.rawValue] + doorbells)
            try bench.run { !bench.notes[0].isEmpty }
            #expect(pair[.guest].state == .waiting)
        }
        #expect(try pair.restart(.host) == [[.arrived], [.arrived]])
    }

    @Test("a guest that comes as another meeting's is not handed the windows of the one before")
    func notHandedOut() throws {
        let pair = try ResumablePair()
        try pair.kill(.guest)
        let bench = MeetingBench(pair[.host])
        let peer = try ScriptedPeer.connected(to: pair.place.path)
        let descriptors = [try TestDescriptor.window(1 << 20)] + (try TestDescriptor.doorbells(16))
        defer { TestDescriptor.close(descriptors) }
        var record = try #require(
            MeetingRecord(
                side: .guest,
                text: String(decoding: try WholeFile.contents(of: pair.recordPath(.guest)), as: UTF8.self)))
        record = try #require(
            MeetingRecord(
                side: .guest, text: record.text.replacing("meeting \(record.meetingID)", with: "meeting 5")))
        let hello = MeetingHello(resuming: ResumableMeeting(record: record), doorbellCount: 16)
        try peer.socket.send(hello.encoded(), descriptors: descriptors)
        var answer: (bytes: [UInt8], descriptors: [CInt])?
        try bench.run {
            answer = try answer ?? peer.next()
            return answer != nil
        }
        let message = try #require(answer)
        TestDescriptor.close(message.descriptors)
        let welcome = try MeetingWelcome(
            untrusted: message.bytes, descriptorCount: message.descriptors.count, offered: [1 << 20],
            mayResume: true)
        #expect(!welcome.isResumed && message.descriptors.count == 18)
    }
}

/// A guest by hand in a meeting with a real host: keeps what it was handed.
final class ScriptedGuestMeeting {
    let window: CInt
    let doorbells: [CInt]
    private(set) var hostWindow: CInt = -1
    private var welcome: MeetingWelcome?

    init(_ place: MeetingPlace, _ host: SharedMemoryLink) throws {
        window = try TestDescriptor.window(1 << 20)
        doorbells = try TestDescriptor.doorbells(16)
        let peer = try ScriptedPeer.connected(to: place.path)
        let hello = MeetingHello(windowByteCounts: [1 << 20], doorbellCount: 16)
        try peer.socket.send(hello.encoded(), descriptors: [window] + doorbells)
        let bench = MeetingBench(host)
        let welcome = try answer(peer, bench)
        self.welcome = welcome
        try peer.socket.send(MeetingReady(meetingID: welcome.meetingID).encoded())
        try bench.run { host.state == .up }
    }

    /// The host's WELCOME; the first one's host window is kept.
    func answer(_ peer: borrowing ScriptedPeer, _ bench: MeetingBench) throws -> MeetingWelcome {
        var answer: (bytes: [UInt8], descriptors: [CInt])?
        // A closure cannot take a borrowed peer along.
        for _ in 0..<1000 where answer == nil {
            var turns = 0
            try bench.run {
                turns += 1; return turns > 1
            }
            answer = try peer.next()
        }
        let message = try #require(answer)
        var spare = message.descriptors[...]
        if hostWindow < 0 { hostWindow = spare.popFirst() ?? -1 }
        TestDescriptor.close(Array(spare))
        return try MeetingWelcome(
            untrusted: message.bytes, descriptorCount: message.descriptors.count, offered: [1 << 20],
            mayResume: true)
    }

    func resumingHello() -> [UInt8] {
        guard let welcome else { return [] }
        let record = MeetingRecord(.guest, welcome, doorbellCount: 16, ownIdentities: [])
        var bytes = MeetingHello(resuming: ResumableMeeting(record: record), doorbellCount: 16).encoded()
        // One window of the host's, handed back.
        bytes[12] += 1
        bytes[34] = 1
        var writer = MeetingWriter(.hello, byteCount: 0, descriptorCount: 0)
        writer.put(welcome.hostWindows)
        bytes.replaceSubrange(112..<176, with: writer.bytes.dropFirst(16))
        return bytes
    }

    func close() { TestDescriptor.close([window, hostWindow] + doorbells) }
}

extension ScriptedPeer {
    /// Whoever connects next, while the links of `bench` run.
    static func accepted(_ listener: borrowing Socket, _ bench: MeetingBench) throws -> ScriptedPeer {
        for _ in 0..<1000 {
            var turns = 0
            try bench.run {
                turns += 1; return turns > 1
            }
            if let socket = try listener.accept() { return ScriptedPeer(socket: socket) }
        }
        throw MeetingRefusal("nobody came")
    }
}
