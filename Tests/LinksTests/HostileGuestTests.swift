import CVOP
import Glibc
import LinuxSystem
import TestSupport
import Testing
import Virtio

@testable import Links

/// What a guest may do wrong, done over the socket. Whatever it is, the host refuses that one and meets the next.
@Suite struct HostileGuestTests {
    struct BadHello: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var status = MeetingRefusal.Status.other
        var change: @Sendable (inout [UInt8]) -> Void = { _ in }
        var descriptors: @Sendable () throws -> [CInt] = {
            [try TestDescriptor.window(1 << 20)] + (try TestDescriptor.doorbells(2))
        }
    }

    static let badHellos: [BadHello] = [
        BadHello(testDescription: "garbage", change: { $0 = Array(repeating: 0xA5, count: 176) }),
        BadHello(testDescription: "a short message", change: { $0 = Array($0.prefix(100)) }),
        BadHello(testDescription: "one byte", change: { $0 = [1] }),
        BadHello(testDescription: "a longer message", change: { $0.append(contentsOf: [0, 0, 0, 0]) }),
        BadHello(
            testDescription: "more than any message", change: { $0 += Array(repeating: 0, count: 2048) }),
        BadHello(testDescription: "another version", status: .version, change: { $0[4] = 9 }),
        BadHello(testDescription: "a READY first", change: { $0[6] = 3 }),
        BadHello(testDescription: "a host", status: .side, change: { $0[16] = 1 }),
        BadHello(testDescription: "no window", status: .window, change: { $0[32] = 0 }),
        BadHello(testDescription: "five windows", status: .window, change: { $0[32] = 5 }),
        BadHello(testDescription: "windows handed back", status: .window, change: { $0[34] = 1 }),
        BadHello(testDescription: "no doorbells", status: .doorbells, change: { $0[36] = 0 }),
        BadHello(testDescription: "too many doorbells", status: .doorbells, change: { $0[36] = 33 }),
        BadHello(testDescription: "fewer doorbells than said", change: { $0[36] = 3 }),
        BadHello(testDescription: "a window of half a page", status: .window, change: { $0[57] = 8 }),
        BadHello(testDescription: "a window of 2^63", status: .window, change: { $0[63] = 0x80 }),
        BadHello(
            testDescription: "a window larger than its file", status: .window, change: { $0[58] = 0x20 }),
        BadHello(
            testDescription: "a file that is no memory file", status: .window,
            descriptors: { [try TestDescriptor.file()] + (try TestDescriptor.doorbells(2)) }),
        BadHello(
            testDescription: "an unsealed window", status: .window,
            descriptors: { [try TestDescriptor.unsealed(1 << 20)] + (try TestDescriptor.doorbells(2)) }),
        BadHello(
            testDescription: "a window of huge pages, which a hole can take away", status: .window,
            change: { $0[58] = 0x20 }, descriptors: { try TestDescriptor.hugePages(2 << 20) }),
        BadHello(
            testDescription: "a doorbell where the window is due", status: .window,
            descriptors: { try TestDescriptor.doorbells(3) }),
        BadHello(
            testDescription: "a memory file where a doorbell is due", status: .doorbells,
            descriptors: {
                [try TestDescriptor.window(1 << 20)] + (try TestDescriptor.doorbells(1))
                    + [try TestDescriptor.window(4096)]
            }),
        BadHello(testDescription: "no descriptors", descriptors: { [] }),
    ]

    @Test("a HELLO that is wrong is refused, and the next guest is met", arguments: badHellos)
    func refusesHello(_ bad: BadHello) throws {
        let place = try MeetingPlace()
        let host = try place.link(.host)
        try host.start()
        let bench = MeetingBench(host)
        var bytes = MeetingHello(windowByteCounts: [1 << 20], doorbellCount: 2).encoded()
        bad.change(&bytes)
        let descriptors = try bad.descriptors()
        defer { TestDescriptor.close(descriptors) }
        let peer = try ScriptedPeer.connected(to: place.path)
        try peer.socket.send(bytes, descriptors: descriptors)
        try bench.run { !bench.notes[0].isEmpty }
        #expect(bench.notes[0].count == 1 && bench.notes[0][0].hasPrefix("refused process"))
        let answer = try #require(try peer.next())
        #expect(answer.descriptors.isEmpty)
        let refusal = #expect(throws: MeetingRefusal.self) {
            try MeetingWelcome(untrusted: answer.bytes, descriptorCount: 0, offered: [1 << 20])
        }
        #expect(refusal?.status == bad.status)
        #expect(refusal?.reason.isEmpty == false)
        try expectMeets(host, place)
    }

    @Test("a guest that says nothing is dropped, and holds nobody up meanwhile")
    func silence() throws {
        let place = try MeetingPlace()
        let host = try place.link(.host, limit: .milliseconds(50))
        try host.start()
        let silent = try ScriptedPeer.connected(to: place.path)
        let bench = MeetingBench(host)
        try bench.run { bench.notes[0].contains { $0.contains("said nothing") } }
        #expect(try silent.next()?.bytes.isEmpty == true)

        let patient = try place.link(.host)
        host.stop()
        try patient.start()
        let second = try ScriptedPeer.connected(to: place.path)
        try expectMeets(patient, place)
        _ = consume second
    }

    enum HalfMeeting: String, CaseIterable, Sendable {
        case hangsUpAtOnce, hangsUpAfterHello, saysGarbageForReady, saysReadyForAnotherMeeting,
            saysNothingForReady
    }

    @Test("half a meeting costs only that guest", arguments: HalfMeeting.allCases)
    func halfMeeting(_ half: HalfMeeting) throws {
        let place = try MeetingPlace()
        let limit: Duration = half == .saysNothingForReady ? .milliseconds(50) : .seconds(20)
        let host = try place.link(.host, limit: limit)
        try host.start()
        let bench = MeetingBench(host)
        do {
            let peer = try ScriptedPeer.connected(to: place.path)
            if half != .hangsUpAtOnce { try greet(peer, bench, half) }
            if half == .saysNothingForReady || half == .saysGarbageForReady {
                try bench.run { bench.notes[0].contains { $0.hasPrefix("refused") } }
            }
        }
        try bench.run { bench.notes[0].contains { $0.hasPrefix("refused") } }
        #expect(host.state == .waiting)
        host.stop()
        let next = try place.link(.host)
        try next.start()
        try expectMeets(next, place)
    }

    @Test("a guest that speaks after the meeting, or hangs up, is gone", arguments: [true, false])
    func speaksOutOfTurn(speaks: Bool) throws {
        let place = try MeetingPlace()
        let host = try place.link(.host)
        try host.start()
        let bench = MeetingBench(host)
        do {
            let peer = try ScriptedPeer.connected(to: place.path)
            try greet(peer, bench, nil)
            try bench.run { host.state == .up }
            if speaks {
                try peer.socket.send([1, 2, 3])
                try bench.run { host.state == .waiting }
            }
        }
        try bench.run { host.state == .waiting }
        guard case .gone = try #require(bench.changes[0].last) else {
            return #expect(Bool(false), "no departure")
        }
        try expectMeets(host, place)
    }

    @Test("more silent peers than may be half-way do not keep a guest out")
    func crowd() throws {
        let place = try MeetingPlace()
        let host = try place.link(.host)
        try host.start()
        let crowd = try Crowd(12, at: place.path)
        try expectMeets(host, place)
        _ = crowd
    }

    private final class Crowd {
        private let sockets: [MeetingSocket]
        init(_ count: Int, at path: String) throws {
            sockets = try (0..<count).map { _ in
                MeetingSocket(try Socket.connected(.sequencedPackets, to: path))
            }
        }
    }

    /// Says HELLO, and a READY unless the half meeting has another.
    private func greet(_ peer: borrowing ScriptedPeer, _ bench: MeetingBench, _ half: HalfMeeting?) throws {
        let descriptors = [try TestDescriptor.window(1 << 20)] + (try TestDescriptor.doorbells(2))
        defer { TestDescriptor.close(descriptors) }
        try peer.socket.send(
            MeetingHello(windowByteCounts: [1 << 20], doorbellCount: 2).encoded(), descriptors: descriptors)
        var answer: (bytes: [UInt8], descriptors: [CInt])?
        let limit = ContinuousClock.Instant.now + HangGuard.limit
        while answer == nil, .now < limit {
            var turns = 0
            try bench.run {
                turns += 1; return turns > 2
            }
            answer = try peer.next()
        }
        let received = try #require(answer)
        TestDescriptor.close(received.descriptors)
        let welcome = try MeetingWelcome(
            untrusted: received.bytes, descriptorCount: received.descriptors.count, offered: [1 << 20])
        switch half {
        case .hangsUpAtOnce, .hangsUpAfterHello, .saysNothingForReady: return
        case .saysGarbageForReady: try peer.socket.send([9, 9, 9])
        case .saysReadyForAnotherMeeting:
            try peer.socket.send(MeetingReady(meetingID: welcome.meetingID + 1).encoded())
        case nil: try peer.socket.send(MeetingReady(meetingID: welcome.meetingID).encoded())
        }
    }

    private func expectMeets(_ host: SharedMemoryLink, _ place: MeetingPlace) throws {
        let guest = try place.link(.guest)
        try guest.start()
        try MeetingBench(host, guest).runUntilUp()
        #expect(host.state == .up)
    }
}
