import DevicePage
import Links
import SharedMemory
import SystemPackage
import Testing
import Virtio

@testable import HostTestSupport
@testable import VOPHost

@Suite struct PublishTests {
    @Test(
        "2.1: a device is on the page with its rings, trailers, doorbell and config space, and the guest is rung"
    )
    func add() throws {
        let bench = try Bench()
        try bench.guest.setConfigDoorbell(2)
        try bench.publish(sizes: [8, 128])
        #expect(bench.guest.takeRung() == [2])
        let slot = try bench.guest.slot()
        #expect(slot.type == 9)
        #expect(slot.queueCount == 2)
        #expect(slot.featureByteCount == 8)
        #expect(try slot.offered == 1 << 32 | 1)
        #expect(try slot.config == [3, 0, 0x61, 0x62, 0x63])
        #expect(try slot.byte(.c2h) >= 0)
        #expect(try slot.byte(.h2c) == -1)
        #expect(try slot.status == 0)
        // Trailer of variant C: 8 entries at 4168, 128 at 5128; magic 4 bytes on.
        #expect(try bench.guest.memory(slot.ringAddress(0), 8192).load32(at: 4172) == 0xC0FF_EE00 + 9)
        #expect(try bench.guest.memory(slot.ringAddress(1), 8192).load32(at: 5132) == 0xC0FF_EE00 + 9 + 1)
        #expect(try slot.ringAddress(0) % 4096 == 0)
        #expect(try bench.state() == .published)
    }

    @Test("2.1: before the link is up a device waits, and is published as it comes up")
    func waits() throws {
        let bench = try Bench(isMet: false)
        try bench.publish()
        #expect(try bench.state() == .waiting)
        try bench.meet()
        #expect(try bench.state() == .published)
        #expect(try bench.guest.slots().map(\.type) == [9])
    }

    @Test("2.1: a guest without a config doorbell is rung by nothing")
    func noConfigDoorbell() throws {
        let bench = try Bench()
        try bench.publish()
        #expect(bench.guest.takeRung() == [])
    }

    @Test(
        "Q7: a device that was added between the guest's first look and its config doorbell is rung for later"
    )
    func windowOfProbe() throws {
        let bench = try Bench()
        try bench.publish()
        try bench.guest.setConfigDoorbell(5)
        try bench.pass(.blink)
        #expect(bench.guest.takeRung() == [5])
    }

    @Test(
        "Q5: a config doorbell that the link does not have is none, and one line in the log",
        arguments: [16, 127, -2])
    func wildConfigDoorbell(number: Int8) throws {
        let bench = try Bench()
        try bench.guest.setConfigDoorbell(number)
        for name in ["one", "two", "three"] { try bench.publish(name) }
        #expect(bench.guest.takeRung() == [])
        #expect(bench.events.filter { $0.kind == .peerFault && $0.isWorthLogging }.count == 1)
    }

    @Test("Q16: a name is held once")
    func nameTaken() throws {
        let bench = try Bench()
        try bench.publish()
        #expect(throws: HostError.nameTaken("one")) { try bench.publish() }
    }

    @Test("a page without room refuses with ENOSPC and changes nothing")
    func pageFull() throws {
        let bench = try Bench()
        var count = 0
        var refusal: HostError?
        let largest = try Bench.largest()
        while refusal == nil {
            do throws(HostError) {
                try bench.backend.publish(
                    largest, name: "device \(count)", model: EchoModel())
                count += 1
            } catch { refusal = error }
        }
        // 14 slots of 272 bytes fill 24 + 3808 of 4096.
        #expect(count == 14)
        #expect(refusal?.errno == .noSpace)
        #expect(try bench.guest.slots().count == 14)
        #expect(bench.backend.snapshots.count == 14)
    }

    @Test("what is taken off makes room for a device that waited for it")
    func roomAgain() throws {
        let bench = try Bench(isMet: false)
        for index in 0..<15 {
            try bench.backend.publish(Bench.largest(), name: "\(index)", model: EchoModel())
        }
        try bench.meet()
        #expect(try bench.state("14") == .noRoom)
        #expect(bench.kinds.contains(.noRoom))
        try bench.backend.retire("3")
        try bench.pass(.seconds(2))
        #expect(try bench.state("14") == .published)
    }

    @Test("rings that find no memory refuse with ENOMEM, and leave no doorbell or memory taken")
    func outOfMemory() throws {
        let bench = try Bench()
        var held: [PeerRange] = []
        while let range = try? bench.hostLink.allocate(byteCount: 4096, alignment: 4096) {
            held.append(range)
        }
        #expect(throws: HostError.outOfMemory(byteCount: 8192)) { try bench.publish(sizes: [8, 8]) }
        for range in held { bench.hostLink.free(range) }
        try bench.publish(sizes: [8, 8])
        #expect(try bench.state() == .published)
    }
}

extension Bench {
    static func largest() throws -> DeviceDescription {
        try description(sizes: [8, 8, 8, 8], config: [UInt8](repeating: 1, count: 136))
    }
}
