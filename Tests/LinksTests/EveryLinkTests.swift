import Glibc
import SharedMemory
import SystemPackage
import Testing
import Virtio

@testable import Links

/// What holds of a link whatever its kind.
@Suite struct EveryLinkTests {
    @Test("either side may start first", arguments: MeetingKind.allCases, Side.allCases)
    func eitherOrder(kind: MeetingKind, first: Side) throws {
        let place = try MeetingPlace()
        let one = try place.link(kind, first)
        let two = try place.link(kind, first.peer)
        try one.start()
        for _ in 0..<3 { #expect(try one.service().peer == nil) }
        #expect(one.state == .waiting)
        try two.start()
        let bench = MeetingBench(one, two)
        try bench.runUntilUp()
        #expect(bench.changes == [[.arrived], [.arrived]])
        #expect(one.devicePageAddress == two.devicePageAddress && one.meetingID == two.meetingID)
        #expect(one.kind == kind.word && !one.mayResume)
    }

    @Test(
        "both sides see the same bytes at one address, each may only be pointed into the other's own windows",
        arguments: MeetingKind.allCases)
    func sameBytes(kind: MeetingKind) throws {
        let (_, host, guest, _) = try met(kind)
        for (writer, reader) in [(host, guest), (guest, host)] {
            let range = try writer.allocate(byteCount: 8192, alignment: 4096)
            try writer.addressSpace.window(covering: range).store64(0x0123_4567_89AB_CDEF, at: 8)
            let window = try reader.windows(of: writer.side).window(covering: range)
            #expect(window.load64(at: 8) == 0x0123_4567_89AB_CDEF)
            #expect(throws: PeerViolation.self) { try reader.windows(of: reader.side).resolve(range) }
            // In one memory the host's zeroing of its page has crossed as well.
            if kind == .shm { #expect(writer.counters.crossing[.writtenBytes] == 0) }
            #expect(reader.counters.crossing[.readBytes] == 8)
        }
    }

    @Test(
        "a doorbell rung on one side is told on the other, with its number, at the cost of one eventfd each",
        arguments: MeetingKind.allCases)
    func doorbells(kind: MeetingKind) throws {
        let (_, host, guest, bench) = try met(kind)
        let forGuest = guest.allocateDoorbell()
        let forHost = [host.allocateDoorbell(), host.allocateDoorbell()]
        host.ring(forGuest)
        guest.ring(forHost[1])
        try bench.run { bench.rung[1].contains(forGuest) && bench.rung[0].contains(forHost[1]) }
        #expect(host.counters.doorbells[.writes] == 1 && guest.counters.doorbells[.writes] == 1)
        // Of ivshmem the first vector is rung while the two meet as well.
        guard kind == .shm else { return }
        #expect(!bench.rung[0].contains(forHost[0]))
        #expect(guest.counters.doorbells[.reads] == 1)
    }

    @Test(
        "when either side ends, the other notices, waits, and meets it afresh elsewhere; what it kept stays mapped",
        arguments: MeetingKind.allCases, Side.allCases)
    func returns(kind: MeetingKind, side: Side) throws {
        let (place, host, guest, bench) = try met(kind)
        let oldPage = host.devicePageAddress
        let (leaver, stayer) = side == .host ? (host, guest) : (guest, host)
        let kept = try stayer.windows(of: side).window(
            covering: PeerRange(
                untrustedAddress: leaver.allocate(byteCount: 64, alignment: 64).address, byteCount: 64))
        leaver.stop()
        try bench.run { stayer.state == .waiting }
        kept.store8(1, at: 0)
        #expect(stayer.addressSpace.placements.isEmpty)

        let next = try place.link(kind, side)
        try next.start()
        let second = MeetingBench(next, stayer)
        try second.runUntilUp()
        #expect(second.changes == [[.arrived], [.arrived]])
        if side == .guest { #expect(stayer.devicePageAddress != oldPage) }
    }

    @Test("a second host at the same socket is refused", arguments: MeetingKind.ofHost)
    func secondHost(kind: MeetingKind) throws {
        let (place, _, _, bench) = try met(kind)
        let second = try place.link(kind, .host)
        let doing = kind == .shm ? "listening on" : "serving ivshmem on"
        #expect(throws: LinkError.system(.addressInUse, during: "\(doing) \(place.path)")) {
            try second.start()
        }
        #expect(second.state == .down)
        try bench.run { true }
    }

    @Test(
        "the socket file has the mode that was set, whatever the umask, and goes with the link",
        arguments: MeetingKind.ofHost, [0o600, 0o660, 0o666] as [UInt32])
    func socketMode(kind: MeetingKind, mode: UInt32) throws {
        let place = try MeetingPlace()
        let host = try place.link(kind, .host, socketMode: mode)
        try host.start()
        var status = stat()
        #expect(unsafe stat(place.path, &status) == 0)
        #expect(status.st_mode & 0o777 == mode)
        host.stop()
        #expect(unsafe access(place.path, F_OK) == -1)
    }
}
