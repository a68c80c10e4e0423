import Glibc
import LinuxSystem
import SharedMemory
import SystemPackage
import TestSupport
import Testing
import Virtio

@testable import Links

@Suite struct SharedMemoryLinkTests {
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

    @Test("a second guest is refused while one is here, is told so, and gets in when that one leaves")
    func secondGuest() throws {
        let (place, host, guest, _) = try met(.shm)
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
        let (_, _, _, bench) = try met(.shm)
        #expect(bench.notes[0] == ["met process \(getpid()) of user \(getuid())"])
    }
}
