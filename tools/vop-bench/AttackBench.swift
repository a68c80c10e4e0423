import BenchFloor
import DevicePage
import Links
import LinuxSystem
import SharedMemory
import SystemPackage
import VOPGuest

/// What a device notices of an attack on another: of its own link, and of another link of the same vophostd. The attacker
/// scribbles over all that is the other's and rings every doorbell without end.
struct AttackBench {
    let extent: Extent
    let programs: Programs

    /// Turns of a device's traffic: how long each took, and all of them.
    private struct Tally {
        var chains = 0
        var elapsed = 0.0
        var worst = 0.0
    }

    func run(_ report: inout Report) throws {
        let path = "\(programs.directory)/attack"
        try RuntimeDirectory.make(path)
        let daemon = try programs.start("vophostd", ["--tree", path, "--state", path + ".state"])
        defer { programs.end(daemon) }
        try Await.file("\(path)/version")
        let tree = ControlTree(path: path)
        for link in ["near", "far"] {
            try tree.addLink(link, socket: "\(path)-\(link).sock", windowByteCount: 4 << 20)
            for device in ["steady", "hurt"] { try tree.addDevice(device, on: link, type: BenchGuest.type) }
        }
        let near = try BenchGuest(socket: "\(path)-near.sock", windowByteCount: 4 << 20)
        let far = try BenchGuest(socket: "\(path)-far.sock", windowByteCount: 4 << 20)
        try near.awaitDevices(2)
        try far.awaitDevices(2)
        guard floor_pin(daemon.identifier, 1) == 0, floor_pin(0, 0) == 0 else {
            throw BenchFailure("two processors are not to be had")
        }
        defer { floor_pin(0, -1) }
        for (place, target) in [
            ("another device of its link is attacked", try device("hurt", of: near)),
            ("another link is attacked", try wholeLink(far)),
        ] {
            let attacker = try Attacker(on: target)
            defer { attacker.end() }
            let (calm, attacked) = try measure(
                near, "\(path)/links/near/devices/steady/queues/0/copy", attacker)
            add(place, calm, attacked, &report)
        }
        near.backend.stop()
        far.backend.stop()
    }

    private func add(_ place: String, _ calm: Tally, _ attacked: Tally, _ report: inout Report) {
        report.add(
            Row(
                work: "a device while \(place)", against: "undisturbed", unit: "chains/s",
                ours: Double(attacked.chains) / attacked.elapsed * 1e9,
                floor: Double(calm.chains) / calm.elapsed * 1e9, aim: .atLeast(0.8)))
        report.add(
            Row(
                work: "a device while \(place): worst wait",
                against: "\(Row.text(calm.worst / 1e6)) ms undisturbed",
                unit: "ms", ours: attacked.worst / 1e6, floor: nil, aim: .atMost(1000)))
    }

    // MARK: Targets

    /// All that a guest can write of one device: its slot but for its type, its rings, its used rings.
    private func device(_ name: String, of guest: BenchGuest) throws -> Attacker.Target {
        // In the order in which they were published.
        let snapshot = guest.backend.snapshots[name == "steady" ? 0 : 1]
        guard let page = guest.backend.devicePage,
            let entry = page.snapshot().devices.first(where: { $0.offset == snapshot.slot })
        else { throw BenchFailure("the device's slot is not there") }
        let (start, control) = (entry.offset.rawValue, entry.offset.rawValue + entry.shape.controlOffset)
        let pageAddress = guest.link.devicePageAddress
        func window(_ address: UInt64, _ byteCount: Int) throws -> MemoryWindow {
            try guest.link.addressSpace.window(
                covering: PeerRange(untrustedAddress: address, byteCount: UInt64(byteCount))
            ).counted(by: nil)
        }
        let queue = snapshot.queues[0]
        return Attacker.Target(
            places: [
                try window(pageAddress + UInt64(start + 4), 1),
                try window(pageAddress + UInt64(start + 16), control + 13 - start - 16),
                try window(queue.ringAddress, 16 * 128 + 6 + 2 * 128),
                try window(queue.usedAddress, 6 + 8 * 128),
            ], ring: ringer(guest))
    }

    /// Everything: the page, all rings, all buffers.
    private func wholeLink(_ guest: BenchGuest) throws -> Attacker.Target {
        Attacker.Target(
            places: guest.link.addressSpace.placements.map {
                $0.window.part(at: 0, byteCount: 1 << 16).counted(by: nil)
            },
            ring: ringer(guest))
    }

    private func ringer(_ guest: BenchGuest) -> (Int) -> Void {
        let link = guest.link
        let doorbells = (0..<link.doorbellCount).compactMap { DoorbellNumber(rawValue: $0) }
        return { link.ring(doorbells[$0 % doorbells.count]) }
    }

    // MARK: Traffic

    /// In turn undisturbed and attacked, so that both meet the same machine.
    private func measure(
        _ guest: BenchGuest, _ path: String, _ attacker: Attacker
    ) throws -> (calm: Tally, attacked: Tally) {
        guard let driver = guest.drivers.first else { throw BenchFailure("the device has no driver") }
        var copy = try CopyClient(path)
        let buffer = try driver.allocate(byteCount: 64)
        var tallies = [Tally(), Tally()]
        for round in 0..<extent.count(40, smoke: 4) {
            let isAttacked = round % 2 == 1
            attacker.turn(on: isAttacked)
            let end = ContinuousClock.now + .milliseconds(extent.isSmoke ? 20 : 250)
            while ContinuousClock.now < end {
                // The hurt device comes back, and is found.
                try guest.serve(for: .zero)
                for _ in 0..<32 { try turn(driver, buffer, &copy, &tallies[isAttacked ? 1 : 0]) }
            }
        }
        attacker.turn(on: false)
        return (tallies[0], tallies[1])
    }

    private func turn(
        _ driver: BenchDriver, _ buffer: GuestBuffer, _ copy: inout CopyClient, _ tally: inout Tally
    ) throws {
        let before = driver.completedCount
        let start = ContinuousClock.now
        try driver.turn(buffer.range, isWritable: false, depth: 16)
        try copy.readChains(1 << 14)
        try copy.completeAll()
        let elapsed = (ContinuousClock.now - start).inNanoseconds
        tally.elapsed += elapsed
        tally.worst = max(tally.worst, elapsed)
        tally.chains += driver.completedCount - before
    }
}
