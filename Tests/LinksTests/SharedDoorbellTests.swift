import CLinux
import Glibc
import LinuxSystem
import Testing

/// A doorbell is an open file that both sides hold: either may change its flags and its count at any time.
@Suite struct SharedDoorbellTests {
    private static func count(_ descriptor: CInt) -> UInt64 {
        var count: UInt64 = 0
        let byteCount = unsafe read(descriptor, &count, 8)
        return byteCount == 8 ? count : 0
    }

    @Test("each ring adds one, however many there are")
    func adds() throws {
        let descriptor = try checked(clinux_eventfd())
        let doorbell = try EventCounter(untrusted: OwnedDescriptor(owning: descriptor))
        for _ in 0..<1000 { doorbell.signalShared() }
        #expect(Self.count(descriptor) == 1000)
    }

    @Test("a doorbell that the peer made blocking, and filled, holds nobody up")
    func fullAndBlocking() throws {
        let descriptor = try checked(clinux_eventfd())
        let doorbell = try EventCounter(untrusted: OwnedDescriptor(owning: descriptor))
        var most = UInt64.max - 1
        try #require(unsafe write(descriptor, &most, 8) == 8)
        let flags = fcntl(descriptor, F_GETFL)
        try #require(fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK) == 0)
        for _ in 0..<1000 { doorbell.signalShared() }
        #expect(Self.count(descriptor) >= most)
    }
}
