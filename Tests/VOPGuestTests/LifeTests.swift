import DevicePage
import GuestTestSupport
import Links
import LinuxSystem
import SharedMemory
import Testing
import VOPGuest
import Virtio

@Suite struct LifeTests {
    @Test("a doorbell, or the driver's own descriptor, has the driver serviced; a spurious one does no harm")
    func service() throws {
        let bench = try GuestBench()
        let device = try bench.runningDevice()
        let driver = bench.made[0]
        let before = driver.serviceCount
        try bench.guest.service()
        #expect(driver.serviceCount == before)
        bench.host.ring(device)
        try bench.guest.service()
        #expect(driver.serviceCount == before + 1)
        driver.wake.signal()
        try bench.guest.service()
        #expect(driver.serviceCount == before + 2)
        for number in 0..<16 { bench.host.link.ring(try #require(DoorbellNumber(rawValue: number))) }
        try bench.settle()
        #expect(try bench.state("9p0") == .running)
    }

    @Test("a config change is told to the driver, with the new bytes, and acknowledged")
    func configChange() throws {
        let bench = try GuestBench()
        let device = try bench.runningDevice()
        device.slot.writeConfig([9, 8, 7, 6])
        var handshake = Handshake(.configChange, of: device.slot, within: .seconds(10), now: .now)
        bench.host.ringConfig()
        bench.host.ringConfig()
        try bench.settle()
        #expect(bench.made[0].configs == [[9, 8, 7, 6]])
        expect(&handshake, .acknowledged)
        bench.host.ringConfig()
        try bench.settle()
        #expect(bench.made[0].configs.count == 1)
    }

    @Test("hot removal stops the driver, has the device reset, lets go, and frees its memory")
    func hotRemoval() throws {
        let bench = try GuestBench()
        let device = try bench.runningDevice()
        var handshake = Handshake(.hotRemove, of: device.slot, within: .seconds(15), now: .now)
        bench.host.ringConfig()
        bench.host.ringConfig()
        try bench.settle()
        #expect(bench.made[0].isStopped)
        expect(&handshake, .pending)
        try bench.host.answerReset(of: device)
        try bench.settle()
        expect(&handshake, .acknowledged)
        #expect(device.slot.isRemoved && device.slot.control.hostToGuestDoorbell == -1)
        #expect(bench.guest.snapshots.isEmpty)
        #expect(bench.guest.quarantinedByteCount == 0)
        #expect(bench.kinds(of: "9p0").last == .removed)
    }

    @Test("a device nobody bound is let go of at once")
    func removalUnbound() throws {
        let bench = try GuestBench()
        let device = try bench.host.publish(.block)
        try bench.settle()
        var handshake = Handshake(.hotRemove, of: device.slot, within: .seconds(15), now: .now)
        bench.host.ringConfig()
        try bench.settle()
        expect(&handshake, .acknowledged)
    }

    @Test(
        "a host that removes and does not answer the reset is let go of in the end; the memory is not used again"
    )
    func removalWithoutReset() throws {
        let bench = try GuestBench()
        let device = try bench.runningDevice()
        var handshake = Handshake(.hotRemove, of: device.slot, within: .seconds(60), now: .now)
        bench.host.ringConfig()
        try bench.settle()
        bench.pass(.seconds(11))
        try bench.settle()
        expect(&handshake, .acknowledged)
        #expect(bench.guest.snapshots.isEmpty)
        #expect(bench.guest.quarantinedByteCount == 4096)
        let next = try bench.guestLink.allocate(byteCount: 4096, alignment: 4096)
        #expect(next.address != device.slot.usedAddress(of: 0))
    }

    @Test("a slot marked removed without asking is gone, and its memory not used again")
    func vanishes() throws {
        let bench = try GuestBench()
        let device = try bench.runningDevice()
        bench.host.publisher?.quarantine(device.slot)
        bench.host.ringConfig()
        try bench.settle()
        #expect(bench.made[0].isStopped)
        #expect(bench.guest.snapshots.isEmpty)
        #expect(bench.guest.quarantinedByteCount == 4096)
        #expect(bench.kinds(of: "9p0").suffix(2) == [.quarantined, .removed])
    }

    @Test("another device in the same place is another device")
    func replaced() throws {
        let bench = try GuestBench()
        let device = try bench.runningDevice()
        bench.host.publisher?.retire(device.slot)
        let next = try bench.host.publish(
            .ninep, offered: [.version1, .ninepMountTag], config: [5, 6, 7, 8])
        #expect(next.slot.offset == device.slot.offset)
        try bench.settle()
        #expect(bench.made[0].isStopped)
        #expect(bench.guest.snapshots.map(\.name) == ["9p0"])
        try bench.host.acceptUsedRings(of: next)
        try bench.settle()
        #expect(bench.made.count == 2)
        #expect(bench.made[1].device.config() == [5, 6, 7, 8])
    }

    @Test("Q1, Q2: what the host writes into vdev, lengths and status of a known device is not believed")
    func scribbles() throws {
        let bench = try GuestBench()
        let device = try bench.runningDevice()
        let page = try bench.host.pageWindow()
        let start = device.slot.offset.rawValue
        page.store64(.max, at: start + device.slot.shape.controlOffset)
        for offset in [1, 2, 3, 4] { page.store8(0xFF, at: start + offset) }
        bench.host.ringConfig()
        bench.host.ring(device)
        try bench.settle()
        #expect(try bench.state("9p0") == .running)
        #expect(bench.made.count == 1 && !bench.made[0].isStopped)
        #expect(try bench.guest.snapshot(of: "9p0").configSpace == [1, 2, 3, 4])
    }

    @Test("a driver that finds the host in the wrong fails the device: FAILED is written, the reason kept")
    func driverFails() throws {
        let bench = try GuestBench()
        let device = try bench.runningDevice()
        bench.made[0].failure = .peer(.usedElementID(77))
        bench.host.ring(device)
        try bench.settle()
        let snapshot = try bench.guest.snapshot(of: "9p0")
        #expect(snapshot.state == .failed && snapshot.failure?.contains("77") == true)
        #expect(device.slot.status.contains(.failed))
        #expect(bench.made[0].isStopped)
        try bench.guest.reset("9p0")
        try bench.host.answerReset(of: device)
        try bench.settle()
        #expect(try bench.state("9p0") == .settingUp)
    }

    @Test("reset: the driver stops, the host answers, memory is free, and the same driver comes back")
    func reset() throws {
        let bench = try GuestBench()
        let device = try bench.runningDevice()
        _ = try bench.made[0].device.allocate(byteCount: 1 << 16)
        let used = device.slot.usedAddress(of: 0)
        try bench.guest.reset("9p0")
        #expect(try bench.state("9p0") == .resetting && bench.made[0].isStopped)
        #expect(throws: GuestError.busy("9p0", state: .resetting)) { try bench.guest.bind("9p0", to: "9p") }
        try bench.host.answerReset(of: device)
        try bench.settle()
        #expect(device.slot.usedAddress(of: 0) == used, "the same memory is taken again")
        try bench.host.acceptUsedRings(of: device)
        try bench.settle()
        #expect(try bench.state("9p0") == .running)
        #expect(bench.made.count == 2)
        #expect(bench.guest.quarantinedByteCount == 0)
    }

    @Test("Q9: a reset that is not answered in time fails the device and keeps its memory out of use")
    func resetTimeout() throws {
        let bench = try GuestBench()
        let device = try bench.runningDevice()
        try bench.guest.reset("9p0")
        bench.pass(.seconds(11))
        try bench.settle()
        #expect(try bench.state("9p0") == .failed)
        #expect(bench.guest.quarantinedByteCount == 4096)
        #expect(throws: GuestError.unanswered("9p0")) { try bench.guest.bind("9p0", to: "9p") }
        // It may still be removed.
        var handshake = Handshake(.hotRemove, of: device.slot, within: .seconds(60), now: .now)
        bench.host.ringConfig()
        try bench.settle()
        expect(&handshake, .acknowledged)
        #expect(bench.guest.snapshots.isEmpty)
    }

    @Test("unbound stays unbound until somebody binds, also another driver of the type")
    func bindAndUnbind() throws {
        let bench = try GuestBench()
        let device = try bench.runningDevice()
        try bench.guest.unbind("9p0")
        try bench.host.answerReset(of: device)
        bench.host.ringConfig()
        try bench.settle()
        #expect(try bench.state("9p0") == .unbound)
        #expect(device.slot.status.isEmpty)
        #expect(throws: GuestError.notBound("9p0")) { try bench.guest.unbind("9p0") }
        let unknown = GuestError.noSuchDriver("x", known: ["9p", "other-9p", "net"])
        #expect(throws: unknown) { try bench.guest.bind("9p0", to: "x") }
        #expect(
            unknown.description
                == "there is no driver 'x'; write 9p or other-9p or net, or an empty line to unbind")
        #expect(throws: GuestError.noSuchDevice("9p7")) { try bench.guest.bind("9p7", to: "9p") }
        #expect(
            throws: GuestError.wrongType(driver: "net", drives: .net, device: "9p0", is: .ninep)
        ) { try bench.guest.bind("9p0", to: "net") }
        try bench.guest.bind("9p0", to: "other-9p")
        try bench.host.acceptUsedRings(of: device)
        try bench.settle()
        #expect(try bench.guest.snapshot(of: "9p0").driver == "other-9p")
        #expect(device.slot.acceptedFeatures == [.version1])
    }

    @Test("devices are not bound by themselves where that is switched off")
    func bindsNothingByItself() throws {
        var settings = GuestSettings()
        settings.bindsByItself = false
        let bench = try GuestBench(settings: settings)
        let device = try bench.host.publish(.ninep)
        try bench.settle()
        #expect(try bench.state("9p0") == .unbound)
        #expect(device.slot.status.isEmpty)
    }

    @Test("unloading gives back the config doorbell, resets and marks every slot, and takes back its marks")
    func unload() throws {
        let bench = try GuestBench()
        let device = try bench.runningDevice()
        let idle = try bench.host.publish(.block)
        try bench.settle()
        bench.guest.unload()
        #expect(try bench.host.page.configDoorbell == -1)
        #expect(idle.slot.isRemoved)
        #expect(!bench.guest.isUnloaded && bench.made[0].isStopped)
        #expect(throws: GuestError.unloading) { try bench.guest.reset("9p0") }
        try bench.host.answerReset(of: device)
        try bench.settle()
        #expect(bench.guest.isUnloaded)
        #expect(device.slot.isRemoved)
        #expect(device.slot.control.pendingCommand() == nil)
    }

    @Test("unloading leaves alone what stands in a device's place by then")
    func unloadReplaced() throws {
        let bench = try GuestBench()
        let device = try bench.runningDevice()
        bench.host.publisher?.retire(device.slot)
        let next = try bench.host.publish(
            .ninep, offered: [.version1, .ninepMountTag], config: [5, 6, 7, 8])
        #expect(next.slot.offset == device.slot.offset)
        bench.guest.unload()
        #expect(bench.guest.isUnloaded && bench.made[0].isStopped)
        #expect(!next.slot.isRemoved && !next.slot.control.isResetPending)
        #expect(next.slot.control.hostToGuestDoorbell == -1)
    }

    @Test("of one cause one line a minute is logged, and another cause has a line of its own")
    func logged() throws {
        let bench = try GuestBench()
        let device = try bench.runningDevice()
        for reason in ["one (1)", "one (2)", "two"] {
            bench.made.last?.failure = .unsuitable(reason)
            bench.host.ring(device)
            try bench.settle()
            try bench.guest.reset("9p0")
            try bench.host.answerReset(of: device)
            try bench.settle()
            try bench.host.acceptUsedRings(of: device)
            try bench.settle()
        }
        let failures = bench.events.filter { $0.kind == .failed }
        #expect(failures.map(\.detail) == ["one (1)", "one (2)", "two"])
        #expect(failures.map(\.isWorthLogging) == [true, false, true])
    }

    @Test("unloading ends when the host does not answer")
    func unloadTimeout() throws {
        let bench = try GuestBench()
        let device = try bench.runningDevice()
        bench.guest.unload()
        bench.pass(.seconds(11))
        try bench.settle()
        #expect(bench.guest.isUnloaded && device.slot.isRemoved)
    }

    @Test("when the link goes all drivers let go; when it is back, everything begins anew")
    func linkGone() throws {
        let bench = try GuestBench()
        _ = try bench.runningDevice()
        bench.host.link.stop()
        try bench.settle()
        #expect(bench.made[0].isStopped)
        #expect(bench.guest.snapshots.isEmpty && bench.guest.devicePage == nil)
        #expect(bench.kinds(of: nil).last == .linkDown)
        bench.host.link.start()
        _ = try bench.host.link.service()
        try bench.host.format()
        bench.pass(.seconds(2))
        try bench.settle()
        _ = try bench.runningDevice()
        #expect(bench.made.count == 2)
    }

    private func expect(
        _ handshake: inout Handshake, _ outcome: HandshakeOutcome,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let seen = handshake.advance(now: .now)
        #expect(seen == outcome, sourceLocation: sourceLocation)
    }
}
