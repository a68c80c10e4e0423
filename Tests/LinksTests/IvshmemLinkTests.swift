import Glibc
import LinuxSystem
import SharedMemory
import SystemPackage
import Testing
import Virtio

@testable import Links

@Suite struct IvshmemLinkTests {
    @Test("fewer vectors than devices: they are shared", arguments: [1, 2])
    func sharedVectors(count: Int) throws {
        let place = try MeetingPlace()
        let host = try place.ivshmem(.host, place.ivshmemSettings(vectors: count))
        let guest = try place.ivshmem(.guest)
        try host.start()
        try guest.start()
        let bench = MeetingBench(host, guest)
        try bench.runUntilUp()
        #expect(host.doorbellCount == count && guest.doorbellCount == count)
        let last = try #require((0...count).map { _ in host.allocateDoorbell() }.last)
        #expect(last.rawValue == 0)
        guest.ring(last)
        try bench.run { bench.rung[0].contains(last) }
    }

    @Test("a guest that is killed and comes back over the same memory is met afresh, whatever it left there")
    func killedGuest() throws {
        let (place, host, guest, bench) = try met(.ivshmem)
        let first = host.meetingID
        let page = try #require(host.windows(of: .host).placements.first?.window)
        page.store64(.max, at: 0)
        try #require(guest as? IvshmemLink).vanish()
        try bench.run { host.state == .waiting }
        let next = try place.ivshmem(.guest)
        try next.start()
        try MeetingBench(host, next).runUntilUp()
        #expect(host.meetingID != first && next.meetingID == host.meetingID)
        // Nobody takes the last meeting's device page for this one's.
        #expect(page.load64(at: 0) == 0)
    }

    @Test(
        "a guest that begins anew, as after a reboot that no port tells of, ends the meeting and is met again"
    )
    func rebootedGuest() throws {
        let (_, host, guest, bench) = try met(.ivshmem)
        let first = host.meetingID
        guest.startOver()
        try bench.run { host.state == .up && guest.state == .up && host.meetingID != first }
        #expect(bench.changes[0] == [.arrived, .gone("the peer: it began anew"), .arrived])
        #expect(host.meetingID == guest.meetingID)
    }

    @Test("a peer that is silent while somebody waits for it is asked, and is gone when it does not answer")
    func silentPeer() throws {
        let place = try MeetingPlace()
        let host = try place.ivshmem(.host)
        let guest = try place.ivshmem(.guest, knows: false, answerLimit: .milliseconds(50))
        try host.start()
        try guest.start()
        try MeetingBench(host, guest).runUntilUp()
        // The host hangs: its port stays, and nobody serves it.
        guest.ring(host.allocateDoorbell())
        let alone = MeetingBench(guest)
        try alone.run { guest.state == .waiting }
        #expect(alone.changes[0] == [.gone("the peer has not answered for 0.05 seconds")])
    }

    @Test("a peer that a port knows to be there is not asked, however long it is silent")
    func knownPeer() throws {
        let place = try MeetingPlace()
        let host = try place.ivshmem(.host)
        let guest = try place.ivshmem(.guest, answerLimit: .milliseconds(1))
        try host.start()
        try guest.start()
        try MeetingBench(host, guest).runUntilUp()
        guest.ring(host.allocateDoorbell())
        #expect(guest.nextDeadline == nil)
    }

    @Test("a peer that answers stays, and nobody asks while the link is idle")
    func idleIsSilent() throws {
        let place = try MeetingPlace()
        let host = try place.ivshmem(.host)
        let guest = try place.ivshmem(.guest, knows: false)
        try host.start()
        try guest.start()
        let bench = MeetingBench(host, guest)
        try bench.runUntilUp()
        let header = try #require(guest.meeting?.header)
        guest.ring(host.allocateDoorbell())
        try bench.run { header.peerEcho == 1 && guest.nextDeadline == nil }
        #expect(host.state == .up && guest.state == .up && host.nextDeadline == nil)

        guest.isPeerAwaited = { true }
        guest.ring(host.allocateDoorbell())
        try bench.run { header.peerEcho == 3 }
    }

    @Test(
        "a second guest is told that one is here, and gets in when that one leaves; the first notices nothing"
    )
    func secondGuest() throws {
        let (place, host, guest, _) = try met(.ivshmem)
        let second = try place.ivshmem(.guest)
        try second.start()
        let bench = MeetingBench(host, guest, second)
        try bench.run { bench.notes[2].contains("cannot meet: another guest, peer 1, is here already") }
        #expect(bench.changes == [[], [], []])
        guest.stop()
        try MeetingBench(host, second).runUntilUp()
    }

    @Test("a side that nobody can ring looks by itself: it is met, and finds what doorbells would have told")
    func deafSide() throws {
        let place = try MeetingPlace()
        let host = try place.ivshmem(.host)
        let port = try IvshmemMember(place.ivshmemSettings())
        let guest = try IvshmemLink(.guest, over: LesserPort(port, without: .vectors))
        try host.start()
        try guest.start()
        let bench = MeetingBench(host, guest)
        try bench.runUntilUp()
        #expect(host.doorbellCount == 1 && guest.doorbellCount == 1)
        host.ring(guest.allocateDoorbell())
        #expect(host.counters.doorbells[.writes] == 0)
        try bench.run { !bench.rung[1].isEmpty }
        #expect(guest.nextDeadline != nil)
    }

    @Test(
        "nothing is said of processors, nobody looks before it sleeps, and what a killed side said is taken back"
    )
    func processors() throws {
        let place = try MeetingPlace()
        let host = try place.ivshmem(.host)
        let first = try place.ivshmem(.guest)
        try host.start()
        try first.start()
        try MeetingBench(host, first).runUntilUp()
        try #require(first.meeting).header.announcePolling(on: 3)
        #expect(try #require(host.meeting).header.isPeerPolling)
        first.vanish()

        let guest = try place.ivshmem(.guest)
        try guest.start()
        try MeetingBench(host, guest).run { host.state == .up && guest.state == .up }
        for link in [host, guest] {
            link.ringNews = { false }
            for _ in 0..<100 { try link.wait(for: .microseconds(10)) }
            #expect(link.counters.waits[.pollsFound] + link.counters.waits[.pollsInVain] == 0)
        }
        for header in [try #require(host.meeting).header, try #require(guest.meeting).header] {
            #expect(!header.isPeerPolling && !header.isPeerApart(from: 1000))
        }
    }

    @Test("a memory that QEMU would refuse is refused", arguments: [1 << 19, 3 << 20, 1 << 33])
    func badMemory(byteCount: Int) throws {
        let place = try MeetingPlace()
        #expect(throws: LinkError.self) { try IvshmemServer(place.ivshmemSettings(byteCount: byteCount)) }
    }

    @Test("a number of vectors out of range is refused", arguments: [0, 33])
    func badVectors(count: Int) throws {
        let place = try MeetingPlace()
        #expect(throws: LinkError.self) { try IvshmemServer(place.ivshmemSettings(vectors: count)) }
    }
}
