import CVOP
import SharedMemory
import SystemPackage
import TestSupport
import Testing
import Virtio

@testable import Links

/// A bridge made in a memory: `vop/ntb.h`.
@Suite struct NTBTests {
    /// Where the registers of each port lie: the golden file has the same.
    private static let ports = [1024, 2048]
    private static let scratchpads = 64
    private static let doorbells = 192

    // MARK: Registers

    @Test("each doorbell is told once, however often it was rung, and nobody's else")
    func doorbells() {
        let memory = MemoryWindow.heap(byteCount: 1 << 20)
        let (host, guest) = (NTBPage(memory, .host), NTBPage(memory, .guest))
        #expect(host.takeDoorbells() == 0 && guest.takeDoorbells() == 0)
        host.ringPeer(0b101)
        host.ringPeer(0b001)
        guest.ringPeer(1 << 31)
        #expect(guest.takeDoorbells() == 0b101 && guest.takeDoorbells() == 0)
        #expect(host.takeDoorbells() == 1 << 31 && host.takeDoorbells() == 0)
        host.ringPeer(0b100)
        #expect(guest.takeDoorbells() == 0b100)
    }

    @Test("who comes anew is told of no ring of the life before, and rings on")
    func anotherLife() {
        let memory = MemoryWindow.heap(byteCount: 1 << 20)
        let guest = NTBPage(memory, .guest)
        NTBPage(memory, .host).ringPeer(1)
        #expect(guest.takeDoorbells() == 1)
        NTBPage(memory, .host).ringPeer(1)
        #expect(guest.takeDoorbells() == 1)
        guest.ringPeer(2)
        #expect(NTBPage(memory, .host).takeDoorbells() == 0)
    }

    @Test("each end has its own memory, and a window on all of the other's", arguments: [1 << 20, 5 << 20])
    func windows(byteCount: Int) {
        let memory = MemoryWindow.heap(byteCount: byteCount)
        let (host, guest) = (NTBPage(memory, .host), NTBPage(memory, .guest))
        #expect(host.memory.byteCount + guest.memory.byteCount == byteCount - 4096)
        #expect(host.peerMemory.byteCount == guest.memory.byteCount)
        host.memory.store8(1, at: host.memory.byteCount - 1)
        host.peerMemory.store8(2, at: guest.memory.byteCount - 1)
        #expect(guest.peerMemory.load8(at: guest.peerMemory.byteCount - 1) == 1)
        #expect(guest.memory.load8(at: guest.memory.byteCount - 1) == 2)
        #expect(memory.load8(at: byteCount / 4 - 1) == 1 && memory.load8(at: byteCount - 1) == 2)
    }

    // MARK: Meetings

    /// Somebody else's server, the memory as it sees it, and who is to meet there.
    private struct Bench {
        let place: MeetingPlace
        let server: IvshmemServer
        let memory: MemoryWindow

        init() throws {
            place = try MeetingPlace()
            server = try IvshmemServer(place.ivshmemSettings())
            try server.open()
            _ = try server.service()
            memory = try #require(server.attachment).memory
        }

        func link(_ side: Side) throws -> IvshmemLink {
            let link = try place.ntb(side, serves: false)
            try link.start()
            return link
        }

        func run(_ bench: MeetingBench, until isSo: () -> Bool) throws {
            try bench.run {
                _ = try server.service()
                return isSo()
            }
        }
    }

    @Test("what two ends write when they meet is what the golden file has")
    func golden() throws {
        let bench = try Bench()
        let host = try bench.link(.host)
        try bench.run(MeetingBench(host)) { bench.memory.load32(at: Self.ports[0] + 8) == 1 }
        let guest = try bench.link(.guest)
        try bench.run(MeetingBench(host, guest)) { host.state == .up && guest.state == .up }
        var page = bench.memory.bytes(at: 0, byteCount: 4096)
        // Numbers that are drawn, and how often somebody rang.
        for port in Self.ports {
            for offset in port + Self.scratchpads..<port + Self.scratchpads + 4 { page[offset] = 0x11 }
            for offset in port + Self.doorbells..<port + Self.doorbells + 4 { page[offset] = 0 }
        }
        #expect(page == (try GoldenFile.bytes("ntb-page.bin")))
    }

    @Test("another host is told that one holds the port, and gets in when that one leaves")
    func secondHost() throws {
        let bench = try Bench()
        let (host, guest) = (try bench.link(.host), try bench.link(.guest))
        try bench.run(MeetingBench(host, guest)) { host.state == .up && guest.state == .up }
        let second = try bench.link(.host)
        let all = MeetingBench(host, guest, second)
        try bench.run(all) { !all.notes[2].isEmpty }
        #expect(all.notes[2][0].contains("another host") && all.notes[2][0].contains("holds port 0"))
        #expect(all.changes == [[], [], []])
        host.stop()
        let next = MeetingBench(second, guest)
        try bench.run(next) { second.state == .up && guest.state == .up }
    }

    struct Introduction: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let scratchpad: UInt32
        let value: UInt32
        let reason: String

        init(_ what: String, _ scratchpad: Int, _ value: UInt32, _ reason: String) {
            (testDescription, self.scratchpad, self.value, self.reason) =
                (what, UInt32(scratchpad), value, reason)
        }
    }

    static let introductions = [
        Introduction("no magic", 1, 7, "no protocol of ours"),
        Introduction("another version", 2, 2, "version 2; 1 is known"),
        Introduction("a host at the guest's end", 3, 1, "no guest's"),
        Introduction("more memory than there is", 4, 0xF000_0000, "a memory of 4026531840 bytes"),
        Introduction("memory of 2^32 bytes and more", 5, 1, "can be reached"),
        Introduction("hardly any memory", 4, 4096, "a memory of 4096 bytes"),
        Introduction("half a page", 4, 0x10800, "a multiple of 4096"),
        Introduction("33 doorbells", 6, 33, "33 doorbells; a bridge has at most 32"),
    ]

    @Test(
        "an end that says wrong things of itself is not met, one line says why, and the next is met",
        arguments: introductions)
    func wrongIntroduction(_ wrong: Introduction) throws {
        let bench = try Bench()
        let host = try bench.link(.host)
        let peer = NTBPage(bench.memory, .guest)
        NTBIntroduction(number: 5, side: .guest, byteCount: 0xB_F000, doorbellCount: 4).write(to: peer)
        peer.setPeerScratchpad(Int(wrong.scratchpad), wrong.value)
        let alone = MeetingBench(host)
        try bench.run(alone) { alone.notes[0].contains { $0.contains(wrong.reason) } }
        for _ in 0..<20 { _ = try host.service() }
        #expect(alone.notes[0].filter { $0.hasPrefix("no bridge: ") }.count == 1 && host.state == .waiting)
        let guest = try bench.link(.guest)
        try bench.run(MeetingBench(host, guest)) { host.state == .up && guest.state == .up }
    }

    @Test("an end that nobody can ring is met, and what it is sent it finds by looking")
    func unringable() throws {
        let bench = try Bench()
        let member = try IvshmemMember(bench.place.ivshmemSettings())
        let guest = try IvshmemLink(
            .guest, kind: "ntb",
            over: try NTBPort(
                over: LesserPort(member, without: .vectors), as: .guest, firstRetry: .milliseconds(1),
                longestRetry: .milliseconds(10)),
            IvshmemSettings(firstRetry: .milliseconds(1), longestRetry: .milliseconds(10)))
        try guest.start()
        let host = try bench.link(.host)
        let both = MeetingBench(host, guest)
        try bench.run(both) { host.state == .up && guest.state == .up }
        let forGuest = guest.allocateDoorbell()
        try bench.run(both) { both.rung[1].contains(forGuest) }
    }

    @Test(
        "a bridge whose registers and headers are scribbled over loses its meetings, and the two meet again")
    func scribbled() throws {
        let bench = try Bench()
        let (host, guest) = (try bench.link(.host), try bench.link(.guest))
        let both = MeetingBench(host, guest)
        try bench.run(both) { host.state == .up && guest.state == .up }
        var random = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            for _ in 0..<64 { bench.memory.store64(random.next(), at: Int.random(in: 0..<1024) * 8) }
            _ = try host.service()
            _ = try guest.service()
        }
        bench.memory.zero(at: 0, byteCount: 8192)
        for link in [host, guest] { link.startOver() }
        let after = MeetingBench(host, guest)
        try bench.run(after) { host.state == .up && guest.state == .up }
    }

    /// Windows that cannot be, of a host and a guest in 1 MiB.
    private static let place: UInt64 = 7 << 36
    static let layouts: [(host: (UInt64, UInt64), guest: (UInt64, UInt64))] = [
        ((place + 4096, 0x3F000), (place + 1 << 35, 0xC0000)),
        ((place + 4096, 0x3E000), (place + 1 << 35, 0xC1000)),
        ((place + 4096, 0x3E000), (place + 0x20000, 0x10000)),
        ((place + 1 << 35, 0x3E000), (place + 1 << 35, 0xC0000)),
        ((place, 0x3F000), (place + 1 << 35, 0xC0000)),
    ]

    @Test("windows that a host lays out outside their side's memory are refused", arguments: 0..<5)
    func wrongLayout(index: Int) throws {
        let (hostRange, guestRange) = Self.layouts[index]
        let bench = try Bench()
        let guest = try bench.link(.guest)
        let host = NTBPage(bench.memory, .host)
        let header = LinkHeader(host.memory.part(at: 0, byteCount: 4096), seenBy: .host)
        NTBIntroduction(number: 5, side: .host, byteCount: 0x3F000, doorbellCount: 4).write(to: host)
        let alone = MeetingBench(guest)
        try bench.run(alone) { header.peerNumber != 0 }
        header.lay(
            out: LinkLayout(
                meetingID: 9, devicePageAddress: hostRange.0,
                hostWindows: [MeetingRange(base: hostRange.0, byteCount: hostRange.1)],
                guestWindows: [MeetingRange(base: guestRange.0, byteCount: guestRange.1)],
                hostDoorbellCount: 4, guestDoorbellCount: 4))
        header.announce(
            SidePresence(number: 9, answered: header.peerNumber, peer: Side.host.port, vectorCount: 4))
        try bench.run(alone) { alone.notes[0].contains { $0.hasPrefix("cannot meet: a window of") } }
        #expect(guest.state == .waiting && guest.addressSpace.placements.isEmpty)
    }
}
