import BenchFloor
import Links
import LinuxSystem
import SharedMemory
import SystemPackage
import VOPGuest

/// One vophostd with 1, 8 and 64 links of 8 devices each: what a device costs as their number grows.
struct ScaleBench {
    let extent: Extent
    let programs: Programs

    private static let devicesPerLink = 8

    private struct Cost {
        var add = 0.0, discover = 0.0, wakes = 0.0, time = 0.0, chain = 0.0
        var memoryPerLink = 0.0, memoryPerQueue = 0.0
    }

    func run(_ report: inout Report) throws {
        var first: Cost?
        for links in extent.isSmoke ? [1, 2] : [1, 8, 64] {
            let cost = try measure(links)
            add(cost, links, first, &report)
            first = first ?? cost
        }
    }

    private func add(_ cost: Cost, _ links: Int, _ first: Cost?, _ report: inout Report) {
        let place = "\(links) links of \(Self.devicesPerLink) devices"
        func grow(_ work: String, _ unit: String, _ value: (Cost) -> Double) {
            report.add(
                Row(
                    work: "\(place): \(work)", against: "one link", unit: unit, ours: value(cost),
                    floor: first.map(value), aim: first == nil ? .stated : .atMost(1.1)))
        }
        grow("adding a device", "µs") { $0.add / 1e3 }
        grow("until its driver runs", "µs") { $0.discover / 1e3 }
        grow("a chain, steady, all in turn", "ns") { $0.chain }
        for (work, unit, value) in [
            ("idle, vophostd: wake-ups", "1/s", cost.wakes),
            ("idle, vophostd: processor time", "µs/s", cost.time),
        ] {
            report.add(
                Row(
                    work: "\(place): \(work)", against: "none", unit: unit, ours: value, floor: nil,
                    aim: .atMost(0)))
        }
        for (work, value) in [
            ("memory a link", cost.memoryPerLink), ("memory a device with one queue", cost.memoryPerQueue),
        ] {
            report.add(
                Row(
                    work: "\(place): \(work), vophostd", against: "", unit: "KiB", ours: value / 1024,
                    floor: nil,
                    aim: .stated))
        }
    }

    private func measure(_ links: Int) throws -> Cost {
        let directory = programs.directory
        let path = "\(directory)/scale-\(links)"
        try RuntimeDirectory.make(path)
        let daemon = try programs.start("vophostd", ["--tree", path, "--state", path + ".state"])
        defer { programs.end(daemon) }
        try Await.file("\(path)/version")
        // All on one processor: where the scheduler puts 64 threads is not what is asked here.
        guard floor_pin(daemon.identifier, 0) == 0, floor_pin(0, 0) == 0 else {
            throw BenchFailure("a processor is not to be had")
        }
        defer { floor_pin(0, -1) }
        let tree = ControlTree(path: path)
        var cost = Cost()
        let devices = Double(links * Self.devicesPerLink)
        let empty = Double(floor_memory(daemon.identifier))
        for link in 0..<links {
            try tree.addLink("ep\(link)", socket: "\(path)-\(link).sock", windowByteCount: 4 << 20)
        }
        let guests = try (0..<links).map {
            try BenchGuest(socket: "\(path)-\($0).sock", windowByteCount: 4 << 20)
        }
        try serve(guests) { guests.allSatisfy { $0.link.state == .up } }
        let met = Double(floor_memory(daemon.identifier))
        cost.memoryPerLink = (met - empty) / Double(links)
        let start = ContinuousClock.now
        for link in 0..<links {
            for device in 0..<Self.devicesPerLink {
                try tree.addDevice("d\(device)", on: "ep\(link)", type: BenchGuest.type)
            }
        }
        cost.add = (ContinuousClock.now - start).inNanoseconds / devices
        let discovering = ContinuousClock.now
        try serve(guests) { guests.allSatisfy { $0.runningCount == Self.devicesPerLink } }
        cost.discover = (ContinuousClock.now - discovering).inNanoseconds / devices
        cost.memoryPerQueue = (Double(floor_memory(daemon.identifier)) - met) / devices
        try idle(daemon.identifier, &cost)
        cost.chain = try traffic(guests, path)
        for guest in guests { guest.backend.stop() }
        return cost
    }

    private func serve(_ guests: [BenchGuest], until isDone: () -> Bool) throws {
        let deadline = ContinuousClock.now + .seconds(120)
        while !isDone() {
            guard ContinuousClock.now < deadline else {
                throw BenchFailure("the links or their devices did not come")
            }
            for guest in guests { try guest.serve(for: .zero) }
            Await.pause(0.0005)
        }
    }

    private func idle(_ process: CInt, _ cost: inout Cost) throws {
        let seconds = extent.isSmoke ? 0.2 : 2.0
        // A guest that has just come is watched for 16 s; what it does then may come without a doorbell.
        Await.pause(extent.isSmoke ? 0.2 : 17)
        let before = (floor_sleeps(process), floor_processor_time(process))
        Await.pause(seconds)
        cost.wakes = Double(floor_sleeps(process) - before.0) / seconds
        cost.time = Double(floor_processor_time(process) - before.1) / seconds / 1e3
    }

    /// Nanoseconds a chain: one after the other, every device gets eight chains, and a backend that completes them.
    private func traffic(_ guests: [BenchGuest], _ path: String) throws -> Double {
        var lines: [Line] = []
        for (link, guest) in guests.enumerated() {
            for (device, driver) in guest.drivers.enumerated() {
                lines.append(
                    try Line(driver, "\(path)/links/ep\(link)/devices/d\(device)/queues/0/copy"))
            }
        }
        let turns = max(2, extent.count(512, smoke: 4) / guests.count)
        var least = Double.infinity
        for _ in 0..<extent.count(5, smoke: 1) {
            let elapsed = try Measure.time {
                for _ in 0..<turns { for line in lines { try line.turn() } }
            }
            least = min(least, elapsed / Double(turns * lines.count * Line.depth))
        }
        return least
    }

    /// One device's traffic.
    private final class Line {
        static let depth = 8
        private let driver: BenchDriver
        private let buffer: GuestBuffer
        private var copy: CopyClient

        init(_ driver: BenchDriver, _ path: String) throws {
            self.driver = driver
            buffer = try driver.allocate(byteCount: 64)
            copy = try CopyClient(path)
        }

        func turn() throws {
            try driver.turn(buffer.range, isWritable: false, depth: Self.depth)
            try copy.readChains(4096)
            try copy.completeAll()
        }
    }
}
