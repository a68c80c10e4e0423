import Glibc
import LinuxSystem
import SharedMemory
import SystemPackage
import TestSupport
import Testing
import Virtio

@testable import Links

@Suite struct SharedMemoryLinkTests {
    @Test("either side may start first", arguments: Side.allCases)
    func eitherOrder(first: Side) throws {
        let place = try MeetingPlace()
        let one = try place.link(first)
        let two = try place.link(first.peer)
        try one.start()
        for _ in 0..<3 { #expect(try one.service().peer == nil) }
        #expect(one.state == .waiting)
        try two.start()
        let bench = MeetingBench(one, two)
        try bench.runUntilUp()
        #expect(bench.changes == [[.arrived], [.arrived]])
        #expect(one.devicePageAddress == two.devicePageAddress)
    }

    @Test(
        "both sides see the same bytes at one address, each may only be pointed into the other's own windows")
    func sameBytes() throws {
        let (_, host, guest, _) = try met()
        for (writer, reader) in [(host, guest), (guest, host)] {
            let range = try writer.allocate(byteCount: 8192, alignment: 4096)
            try writer.addressSpace.window(covering: range).store64(0x0123_4567_89AB_CDEF, at: 8)
            let window = try reader.windows(of: writer.side).window(covering: range)
            #expect(window.load64(at: 8) == 0x0123_4567_89AB_CDEF)
            #expect(throws: PeerViolation.self) { try reader.windows(of: reader.side).resolve(range) }
            #expect(writer.counters.crossing[.writtenBytes] == 0)
            #expect(reader.counters.crossing[.readBytes] == 8)
        }
    }

    @Test("a doorbell rung on one side is told on the other, with its number")
    func doorbells() throws {
        let (_, host, guest, bench) = try met()
        let forGuest = guest.allocateDoorbell()
        let forHost = [host.allocateDoorbell(), host.allocateDoorbell()]
        host.ring(forGuest)
        guest.ring(forHost[1])
        try bench.run { !bench.rung[0].isEmpty && !bench.rung[1].isEmpty }
        #expect(bench.rung[1].contains(forGuest))
        #expect(bench.rung[0].contains(forHost[1]) && !bench.rung[0].contains(forHost[0]))
        #expect(guest.counters.doorbells[.reads] == 1)
        #expect(host.counters.doorbells[.writes] == 1)
    }

    @Test("both have as many doorbells as the side with fewer")
    func fewerDoorbells() throws {
        let place = try MeetingPlace()
        var settings = place.settings()
        settings.doorbellCount = 3
        let host = try SharedMemoryLink(.host, settings)
        let guest = try place.link(.guest)
        try host.start()
        try guest.start()
        try MeetingBench(host, guest).runUntilUp()
        #expect(host.doorbellCount == 3 && guest.doorbellCount == 3)
    }

    @Test("when either side ends, the other notices, waits, and meets it afresh", arguments: Side.allCases)
    func returns(side: Side) throws {
        let (place, host, guest, bench) = try met()
        let oldPage = host.devicePageAddress
        let (leaver, stayer) = side == .host ? (host, guest) : (guest, host)
        let kept = try stayer.windows(of: side).window(
            covering: PeerRange(
                untrustedAddress: leaver.allocate(byteCount: 64, alignment: 64).address, byteCount: 64))
        leaver.stop()
        try bench.run { stayer.state == .waiting }
        kept.store8(1, at: 0)
        #expect(stayer.addressSpace.placements.isEmpty)

        let next = try place.link(side)
        try next.start()
        let second = MeetingBench(next, stayer)
        try second.runUntilUp()
        #expect(second.changes == [[.arrived], [.arrived]])
        if side == .guest { #expect(stayer.devicePageAddress != oldPage) }
    }

    @Test("a socket file left by a killed host does not stop the next")
    func staleSocket() throws {
        let place = try MeetingPlace()
        do { _ = try Socket.listening(.sequencedPackets, at: place.path, mode: 0o600) }
        #expect(unsafe access(place.path, F_OK) == 0)
        try Socket.awaitSilence(of: .sequencedPackets, at: place.path)
        let host = try place.link(.host)
        let guest = try place.link(.guest)
        try guest.start()
        try host.start()
        try MeetingBench(host, guest).runUntilUp()
    }

    @Test("a second host at the same socket is refused")
    func secondHost() throws {
        let (place, _, _, bench) = try met()
        let second = try place.link(.host)
        #expect(throws: LinkError.system(.addressInUse, during: "listening on \(place.path)")) {
            try second.start()
        }
        #expect(second.state == .down)
        try bench.run { true }
    }

    @Test("the socket file has the mode that was set, whatever the umask", arguments: [0o600, 0o660, 0o666])
    func socketMode(mode: UInt32) throws {
        let place = try MeetingPlace()
        var settings = place.settings()
        settings.socketMode = mode
        let host = try SharedMemoryLink(.host, settings)
        try host.start()
        var status = stat()
        #expect(unsafe stat(place.path, &status) == 0)
        #expect(status.st_mode & 0o777 == mode)
        host.stop()
        #expect(unsafe access(place.path, F_OK) == -1)
    }

    @Test("a second guest is refused while one is here, is told so, and gets in when that one leaves")
    func secondGuest() throws {
        let (place, host, guest, _) = try met()
        let second = try place.link(.guest)
        try second.start()
        let bench = MeetingBench(host, guest, second)
        try bench.run { bench.notes[2].contains { $0.contains("a guest is here already") } }
        #expect(host.state == .up && guest.state == .up && second.state == .waiting)
        guest.stop()
        let rest = MeetingBench(host, second)
        try rest.runUntilUp()
    }

    @Test(
        "settings out of range are refused, with what is allowed",
        arguments: [1 << 19, (1 << 20) + 1, 1 << 33])
    func badWindow(byteCount: Int) throws {
        var settings = SharedMemorySettings(socketPath: "/tmp/x")
        settings.windowByteCount = byteCount
        #expect(throws: LinkError.self) { try SharedMemoryLink(.host, settings) }
    }

    @Test("a meeting is logged with who came")
    func logged() throws {
        let (_, _, _, bench) = try met()
        #expect(bench.notes[0] == ["met process \(getpid()) of user \(getuid())"])
    }

    private func met() throws -> (MeetingPlace, SharedMemoryLink, SharedMemoryLink, MeetingBench) {
        let place = try MeetingPlace()
        let host = try place.link(.host)
        let guest = try place.link(.guest)
        try host.start()
        try guest.start()
        let bench = MeetingBench(host, guest)
        try bench.runUntilUp()
        return (place, host, guest, bench)
    }
}
