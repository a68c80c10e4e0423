import Links
import LinuxSystem
import SharedMemory
import Testing
import Virtio

@Suite struct LoopbackLinkTests {
    private func met() throws -> (host: LoopbackLink, guest: LoopbackLink) {
        let (host, guest) = try LoopbackLink.pair()
        host.start()
        guest.start()
        #expect(try host.service().peer == .arrived)
        #expect(try guest.service().peer == .arrived)
        return (host, guest)
    }

    @Test("an end alone waits, and has no windows")
    func alone() throws {
        let (host, _) = try LoopbackLink.pair()
        host.start()
        #expect(try host.service().peer == nil)
        #expect(host.state == .waiting)
        #expect(host.addressSpace.placements.isEmpty)
        #expect(throws: LinkError.notUp) { try host.allocate(byteCount: 64, alignment: 8) }
    }

    @Test("both sides see the same bytes at the same address, and count only the other's")
    func sameBytes() throws {
        let (host, guest) = try met()
        let range = try guest.allocate(byteCount: 4096, alignment: 4096)
        try guest.addressSpace.window(covering: range).store32(0xABCD, at: 8)
        #expect(guest.counters.crossing[.writes] == 0)
        let seen = try host.windows(of: .guest).window(covering: range)
        #expect(seen.load32(at: 8) == 0xABCD)
        #expect(host.counters.crossing[.readBytes] == 4)
        #expect(throws: PeerViolation.self) { try host.windows(of: .host).resolve(range) }
    }

    @Test("the device page is 4096 bytes in a host window that nothing else is given")
    func devicePage() throws {
        let (host, guest) = try met()
        #expect(host.devicePageAddress == guest.devicePageAddress)
        let page = try PeerRange(untrustedAddress: host.devicePageAddress, byteCount: 4096)
        _ = try guest.windows(of: .host).resolve(page)
        #expect(try host.allocate(byteCount: 64, alignment: 64).address >= page.end)
    }

    @Test("memory given again is zeroed")
    func zeroedAgain() throws {
        let (host, _) = try met()
        let first = try host.allocate(byteCount: 256, alignment: 64)
        try host.addressSpace.window(covering: first).store64(.max, at: 0)
        host.free(first)
        let second = try host.allocate(byteCount: 256, alignment: 64)
        #expect(second == first)
        #expect(try host.addressSpace.window(covering: second).load64(at: 0) == 0)
    }

    @Test("a doorbell rung makes the other end's descriptor readable, once")
    func doorbells() throws {
        let (host, guest) = try met()
        let poller = try Poller()
        try poller.add(guest.pollDescriptor, .readable, token: 1)
        let number = guest.allocateDoorbell()
        host.ring(number)
        host.ring(number)
        #expect(try poller.wait(for: .zero).count == 1)
        let rung = try guest.service().doorbells
        #expect(rung.contains(number))
        #expect(try poller.wait(for: .zero).isEmpty)
        #expect(try guest.service().doorbells.isEmpty)
        #expect(host.counters.doorbells[.writes] == 2)
        #expect(guest.counters.doorbells[.reads] == 1)
    }

    @Test("the least used doorbell is given next")
    func leastUsed() throws {
        let (host, _) = try LoopbackLink.pair(doorbellCount: 2)
        let numbers = (0..<3).map { _ in host.allocateDoorbell() }
        #expect(numbers.map(\.rawValue) == [0, 1, 0])
        host.releaseDoorbell(numbers[1])
        #expect(host.allocateDoorbell().rawValue == 1)
    }

    @Test("an end that stops is gone at once, and the next meeting has windows and addresses of its own")
    func meetsAgain() throws {
        let (host, guest) = try met()
        let old = host.devicePageAddress
        guest.stop()
        guest.start()
        #expect(try host.service().peer == .gone("the other end stopped"))
        #expect(host.state == .waiting)
        #expect(try host.service().peer == .arrived)
        #expect(try guest.service().peer == .arrived)
        #expect(host.devicePageAddress != old)
        #expect(guest.devicePageAddress == host.devicePageAddress)
    }
}
