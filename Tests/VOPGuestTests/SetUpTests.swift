import DevicePage
import GuestTestSupport
import Links
import SharedMemory
import SystemPackage
import Testing
import VOPGuest
import Virtio
import Virtqueue

@Suite struct SetUpTests {
    @Test("the page is waited for, missed aloud once, and taken when it comes")
    func waitsForPage() throws {
        let bench = try GuestBench(isMet: false)
        try bench.settle()
        #expect(bench.guest.nextDeadline != nil)
        for _ in 0..<5 {
            bench.pass(.seconds(10))
            try bench.settle()
        }
        #expect(bench.kinds(of: nil) == [.linkUp, .pageMissing])
        _ = try bench.host.link.service()
        try bench.host.format()
        bench.pass(.seconds(1))
        try bench.settle()
        #expect(bench.kinds(of: nil) == [.linkUp, .pageMissing, .pageFound])
        #expect(try bench.host.page.configDoorbell >= 0)
    }

    @Test("a device that was there before the guest is found, and one that comes later too")
    func findsBoth() throws {
        let bench = try GuestBench(isMet: false)
        _ = try bench.host.link.service()
        try bench.host.format()
        _ = try bench.host.publish(.ninep)
        try bench.settle()
        _ = try bench.host.publish(.ninep)
        _ = try bench.host.publish(.block)
        try bench.settle()
        #expect(bench.guest.snapshots.map(\.name) == ["9p0", "9p1", "block0"])
        #expect(try bench.state("block0") == .unbound)
    }

    @Test(
        "set-up follows the standard: status, features, used rings, answer, DRIVER_OK",
        arguments: RingRegionLayout.Variant.allCases)
    func steps(variant: RingRegionLayout.Variant) throws {
        let bench = try GuestBench()
        let offered: FeatureSet = [.version1, .ninepMountTag, FeatureSet(rawValue: 1 << 5), .accessPlatform]
        let device = try bench.host.publish(.ninep, queueSizes: [8, 128], offered: offered, variant: variant)
        try bench.settle()

        #expect(device.slot.status == [.acknowledge, .driver, .featuresOK])
        #expect(device.slot.acceptedFeatures == [.version1, .ninepMountTag])
        #expect(device.slot.control.hostToGuestDoorbell >= 0)
        #expect(device.slot.control.isUsedAddressPending)
        #expect(try bench.host.link.service().doorbells.contains(device.doorbell))
        for queue in 0..<2 {
            let used = try PeerRange(untrustedAddress: device.slot.usedAddress(of: queue), byteCount: 4096)
            _ = try bench.host.link.windows(of: .guest).resolve(used)
        }
        #expect(bench.made.isEmpty)

        try bench.host.acceptUsedRings(of: device)
        try bench.settle()
        #expect(device.slot.status == [.acknowledge, .driver, .featuresOK, .driverOK])
        #expect(try bench.state("9p0") == .running)
        #expect(bench.made.count == 1 && bench.made[0].serviceCount > 0)
        #expect(bench.made[0].device.queues.map { $0.ring.size.rawValue } == [8, 128])
        #expect(try bench.guest.snapshot(of: "9p0").outputs == [DriverOutput("tag", "here")])
        #expect(bench.kinds(of: "9p0") == [.found, .bound])
    }

    @Test("without VERSION_1 there is no FEATURES_OK")
    func legacy() throws {
        let bench = try GuestBench()
        let device = try bench.host.publish(.ninep, offered: [.ninepMountTag])
        try bench.settle()
        #expect(device.slot.status == [.acknowledge, .driver])
        try bench.host.acceptUsedRings(of: device)
        try bench.settle()
        #expect(device.slot.status == [.acknowledge, .driver, .driverOK])
    }

    struct BadRing: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let address: @Sendable (_ right: UInt64, _ guestWindow: UInt64) -> UInt64
    }

    static let badRings = [
        BadRing(testDescription: "zero") { _, _ in 0 },
        BadRing(testDescription: "past the window") { right, _ in right + 1 << 30 },
        BadRing(testDescription: "wrapping") { _, _ in 0xFFFF_FFFF_FFFF_F000 },
        BadRing(testDescription: "in the guest's own window") { _, guest in guest },
        BadRing(testDescription: "not on a page") { right, _ in right + 8 },
        BadRing(testDescription: "without the magic") { right, _ in right },
    ]

    @Test("Q4: a ring the host places badly fails that device and no other", arguments: badRings)
    func badRing(_ bad: BadRing) throws {
        let bench = try GuestBench()
        let place = try bench.host.link.allocate(byteCount: 8192, alignment: 4096)
        let guestWindow = try #require(bench.guestLink.windows(of: .guest).placements.first).base
        let device = try bench.host.publish(.ninep, ringAddresses: [bad.address(place.address, guestWindow)])
        let good = try bench.host.publish(.ninep)
        try bench.settle()
        #expect(try bench.state("9p0") == .failed)
        #expect(try bench.guest.snapshot(of: "9p0").failure?.contains("the host broke a rule") == true)
        #expect(device.slot.status.contains(.failed))
        try bench.host.acceptUsedRings(of: good)
        try bench.settle()
        #expect(try bench.state("9p1") == .running)
    }

    @Test("a queue size the profile does not allow fails the device", arguments: [UInt16(0), 3, 256, 0x8000])
    func badSize(size: UInt16) throws {
        let bench = try GuestBench(isMet: false)
        _ = try bench.host.link.service()
        try bench.host.format()
        let device = try bench.host.publish(.ninep)
        try bench.host.pageWindow().store16(
            size, at: device.slot.offset.rawValue + device.slot.shape.queueEntryOffset(0) + 16)
        try bench.settle()
        #expect(try bench.state("9p0") == .failed)
    }

    @Test("a ring region without a trailer is not this device's")
    func noTrailer() throws {
        let bench = try GuestBench()
        _ = try bench.host.publish(.ninep, variant: nil)
        try bench.settle()
        #expect(try bench.state("9p0") == .failed)
    }

    @Test(
        "Q5, Q15: a host doorbell out of range fails the device; none at all is lived with",
        arguments: [Int8(99), -2, -1])
    func hostDoorbell(number: Int8) throws {
        let bench = try GuestBench()
        let device = try bench.host.publish(.ninep, doorbell: number)
        try bench.settle()
        #expect(try bench.state("9p0") == (number == -1 ? .settingUp : .failed))
        guard number == -1 else { return }
        try bench.host.acceptUsedRings(of: device)
        try bench.settle()
        #expect(try bench.state("9p0") == .running)
    }

    @Test("a host that does not map the used rings in time fails the device, which is asked nothing more")
    func usedAddressTimeout() throws {
        let bench = try GuestBench()
        let device = try bench.host.publish(.ninep)
        try bench.settle()
        bench.pass(.seconds(9))
        try bench.settle()
        #expect(try bench.state("9p0") == .settingUp)
        bench.pass(.seconds(1))
        try bench.settle()
        #expect(try bench.state("9p0") == .failed)
        #expect(!device.slot.control.isUsedAddressPending)
        #expect(throws: GuestError.unanswered("9p0")) { try bench.guest.reset("9p0") }
        // What the host may have mapped is not given to anybody else.
        #expect(try bench.guest.snapshot(of: "9p0").memoryByteCount == 4096)
    }

    @Test("a device with fewer queues than its driver needs fails")
    func tooFewQueues() throws {
        let bench = try GuestBench()
        _ = try bench.host.publish(.net, queueSizes: [8])
        try bench.settle()
        #expect(try bench.guest.snapshot(of: "net0").failure == "driver net needs 2 queues; the device has 1")
    }

    @Test("a driver that cannot be made fails the device, and a reset tries again")
    func driverNotMade() throws {
        let bench = try GuestBench()
        bench.makeFailure = .system(.permissionDenied, during: "listening on x")
        let device = try bench.host.publish(.ninep)
        try bench.settle()
        try bench.host.acceptUsedRings(of: device)
        try bench.settle()
        #expect(try bench.state("9p0") == .failed)
        bench.makeFailure = nil
        try bench.guest.reset("9p0")
        try bench.host.answerReset(of: device)
        try bench.settle()
        try bench.host.acceptUsedRings(of: device)
        try bench.settle()
        #expect(try bench.state("9p0") == .running)
        #expect(device.slot.status == [.acknowledge, .driver, .featuresOK, .driverOK])
    }

    @Test("a page that cannot be walked to its end is told once; the devices before the break stand")
    func brokenWalk() throws {
        let bench = try GuestBench()
        _ = try bench.host.publish(.ninep)
        let broken = try bench.host.publish(.block)
        try bench.host.pageWindow().store8(200, at: broken.slot.offset.rawValue + 1)
        try bench.settle()
        bench.host.ringConfig()
        try bench.settle()
        #expect(bench.guest.snapshots.map(\.name) == ["9p0"])
        #expect(bench.kinds(of: nil).filter { $0 == .pageBroken }.count == 1)
    }
}
