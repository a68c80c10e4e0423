import BenchFloor
import Links
import LinuxSystem
import SharedMemory
import SystemPackage
import VOPGuest

/// Bytes and chains through a queue's copy file, served by a real vophostd with the guest's side in this process, held
/// against a FUSE file that does nothing: the same calls, of the same lengths, by the same client.
struct CopyBench {
    let extent: Extent
    let programs: Programs

    private static let copyMaximum = 1_044_480
    private static let headers = CopyClient.batchHeader + CopyClient.recordHeader

    func run(_ report: inout Report) throws {
        let directory = programs.directory
        for mount in ["host", "null"] { try RuntimeDirectory.make("\(directory)/\(mount)") }
        let daemon = try programs.start(
            "vophostd",
            [
                "--tree", "\(directory)/host", "--state",
                "\(directory)/state-\(UInt32.random(in: 0...UInt32.max))",
            ])
        let null = try programs.start("bench-null-file", ["\(directory)/null"])
        defer {
            programs.end(null)
            programs.end(daemon)
        }
        try Await.file("\(directory)/host/version")
        try Await.file("\(directory)/null/null")
        let tree = ControlTree(path: "\(directory)/host")
        try tree.addLink("ep0", socket: "\(directory)/copy.sock")
        try tree.addDevice("bench", on: "ep0", type: BenchGuest.type)
        let guest = try BenchGuest(socket: "\(directory)/copy.sock")
        try guest.awaitDevices(1)
        let queue = "links/ep0/devices/bench/queues/0"
        for (cpu, name) in [(0, "one processor"), (1, "two processors")] {
            let stack = try Stack(guest, "\(tree.path)/\(queue)/copy", "\(directory)/null/null")
            try stack.pin(daemon.identifier, null.identifier, CInt(cpu))
            try toBackend(stack, name, &report)
            try fromBackend(stack, name, &report)
            try chains(stack, name, &report)
        }
        try crossings(guest, tree, queue, &report)
        floor_pin(0, -1)
        guest.backend.stop()
    }

    /// Both files open, and the guest whose chains are read.
    private final class Stack {
        let guest: BenchGuest
        let driver: BenchDriver
        var copy: CopyClient
        var null: CopyClient

        init(_ guest: BenchGuest, _ copyPath: String, _ nullPath: String) throws {
            guard let driver = guest.drivers.first else { throw BenchFailure("the device has no driver") }
            (self.guest, self.driver) = (guest, driver)
            copy = try CopyClient(copyPath)
            null = try CopyClient(nullPath)
        }

        func pin(_ daemon: CInt, _ null: CInt, _ cpu: CInt) throws {
            guard floor_pin(0, 0) == 0, floor_pin(daemon, cpu) == 0, floor_pin(null, cpu) == 0 else {
                throw BenchFailure("processor \(cpu) is not to be had")
            }
        }

        /// Has the guest take back everything, whatever its shape was.
        func drain() throws {
            let buffer = try driver.allocate(byteCount: 64)
            while true {
                try driver.turn(buffer.range, isWritable: false, depth: 0)
                guard driver.inFlightCount > 0 else { return }
                try copy.readChains(1 << 16)
                try copy.completeAll()
            }
        }
    }

    private func calls(_ byteCount: Int) -> Int {
        extent.count(min(128, max(8, (8 << 20) / byteCount)), smoke: 4)
    }

    private func sizes() -> [(Int, String)] {
        [
            (4096, "4 KiB"), (131_072, "128 KiB"),
            (Self.copyMaximum - Self.headers - 1, "copy_max"),
        ]
    }

    private func toBackend(_ stack: Stack, _ place: String, _ report: inout Report) throws {
        for (byteCount, name) in sizes() {
            try stack.drain()
            let buffer = try stack.driver.allocate(byteCount: byteCount)
            let count = calls(byteCount)
            let asked = byteCount + Self.headers + 1
            var least = [Double.infinity, Double.infinity]
            for _ in 0..<extent.rounds {
                try stack.driver.turn(buffer.range, isWritable: false)
                var elapsed = Duration.zero
                for _ in 0..<count {
                    let start = ContinuousClock.now
                    let got = try stack.copy.read(asked)
                    elapsed += ContinuousClock.now - start
                    guard got == asked - 1 else { throw BenchFailure("a read of \(got) bytes") }
                    stack.copy.noteChains()
                }
                try stack.copy.completeAll()
                least[0] = min(least[0], elapsed.inNanoseconds)
                var floor = Duration.zero
                for _ in 0..<count {
                    let start = ContinuousClock.now
                    _ = try stack.null.read(asked)
                    floor += ContinuousClock.now - start
                }
                least[1] = min(least[1], floor.inNanoseconds)
            }
            report.add(
                row("guest buffer → backend, \(name) a call, \(place)", byteCount * count, least, 0.95))
        }
    }

    private func fromBackend(_ stack: Stack, _ place: String, _ report: inout Report) throws {
        for (byteCount, name) in sizes() {
            try stack.drain()
            let buffer = try stack.driver.allocate(byteCount: byteCount)
            let count = calls(byteCount)
            var least = [Double.infinity, Double.infinity]
            for _ in 0..<extent.rounds {
                try stack.driver.turn(buffer.range, isWritable: true)
                while stack.copy.tokens.count < count { try stack.copy.readChains(1 << 16) }
                stack.copy.prepareAnswer(recordCount: 1, payloadByteCount: byteCount)
                stack.null.prepareAnswer(recordCount: 1, payloadByteCount: byteCount)
                let ours = try Measure.time { for index in 0..<count { try stack.copy.completeNext(index) } }
                stack.copy.forgetTokens(first: count)
                try stack.copy.completeAll()
                least[0] = min(least[0], ours)
                least[1] = min(least[1], try Measure.time { for _ in 0..<count { try stack.null.write() } })
            }
            report.add(row("backend → guest buffer, \(name) a call, \(place)", byteCount * count, least, 0.8))
        }
    }

    private func row(_ work: String, _ byteCount: Int, _ least: [Double], _ aim: Double) -> Row {
        Row(
            work: work, against: "FUSE file", unit: "GB/s", ours: Double(byteCount) / least[0],
            floor: Double(byteCount) / least[1], aim: .atLeast(aim))
    }

    /// 64 bytes in one descriptor, 128 in flight, refilled by the guest on the client's thread; the doorbells it rings
    /// and the daemon's answers to them are part of it.
    private func chains(_ stack: Stack, _ place: String, _ report: inout Report) throws {
        try stack.drain()
        let buffer = try stack.driver.allocate(byteCount: 64)
        let batches = extent.count(200, smoke: 4)
        let pairs = extent.count(400, smoke: 8)
        var least = [Double.infinity, Double.infinity]
        try stack.driver.turn(buffer.range, isWritable: false)
        stack.null.prepareAnswer(recordCount: 1, payloadByteCount: 0)
        for _ in 0..<extent.rounds {
            let before = stack.driver.completedCount
            let ours = try Measure.time {
                for _ in 0..<batches {
                    try stack.copy.readChains(1 << 16)
                    try stack.copy.completeAll()
                    try stack.driver.turn(buffer.range, isWritable: false)
                }
            }
            least[0] = min(least[0], ours / Double(stack.driver.completedCount - before))
            let floor = try Measure.time {
                for _ in 0..<pairs {
                    _ = try stack.null.read(64 + Self.headers + 1)
                    try stack.null.write()
                }
            }
            least[1] = min(least[1], floor / Double(pairs))
        }
        report.add(
            Row(
                work: "chains through copy, 64 bytes, depth 128, \(place)", against: "read + write a chain",
                unit: "chains/s", ours: 1e9 / least[0], floor: 1e9 / least[1], aim: .atLeast(40)))
    }

    /// What the rings read of the other side's memory: nothing on the guest's, payload alone on the host's.
    private func crossings(
        _ guest: BenchGuest, _ tree: ControlTree, _ queue: String, _ report: inout Report
    ) throws {
        guard let driver = guest.drivers.first else { throw BenchFailure("the device has no driver") }
        var copy = try CopyClient("\(tree.path)/\(queue)/copy")
        let buffer = try driver.allocate(byteCount: 64)
        let batches = extent.count(100, smoke: 4)
        func hostReads() throws -> Double {
            Double(try tree.read("links/ep0/counters/reads")) ?? .nan
        }
        // Once for nothing: chains of other shapes that are still in flight go.
        try driver.turn(buffer.range, isWritable: true, depth: 0)
        try copy.readChains(1 << 16)
        try copy.completeAll()
        try driver.turn(buffer.range, isWritable: true)
        let before = (guest.link.counters.crossing[.reads], try hostReads(), driver.completedCount)
        for _ in 0..<batches {
            try copy.readChains(1 << 16)
            try copy.completeAll()
            try driver.turn(buffer.range, isWritable: true)
        }
        let chains = Double(driver.completedCount - before.2)
        let guestReads = Double(guest.link.counters.crossing[.reads] - before.0) / chains
        let hostReadCount = (try hostReads() - before.1) / chains
        for (side, reads) in [("guest's", guestReads), ("host's", hostReadCount)] {
            report.add(
                Row(
                    work: "reads across the link per request, the \(side) rings", against: "none",
                    unit: "reads",
                    ours: reads, floor: nil, aim: .atMost(0)))
        }
    }
}
