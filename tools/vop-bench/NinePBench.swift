import BenchFloor
import LinuxSystem
import NineP
import SystemPackage

/// 9p-server against diod, over a unix socket each, the same client, the same export on the same file system.
struct NinePBench {
    let extent: Extent
    let programs: Programs

    private static let diodMessageSize: UInt32 = 65_536
    private static let ownMessageSize: UInt32 = 1 << 20

    func run(_ report: inout Report) throws {
        let directory = programs.directory
        let files = try ExportedFiles("\(directory)/export", extent)
        let server = try programs.start(
            "9p-server",
            [
                "--export", "/=\(files.path)", "--listen", "unix:\(directory)/own.sock", "--journal",
                "\(directory)/journal",
            ])
        let diod = try programs.start(
            "/usr/sbin/diod",
            ["-f", "-n", "-N", "-L", "stderr", "-e", files.path, "-l", "\(directory)/diod.sock"])
        defer {
            programs.end(diod)
            programs.end(server)
        }
        try Await.file("\(directory)/own.sock")
        try Await.file("\(directory)/diod.sock")
        for (cpu, name) in [(0, "one processor"), (1, "two processors")] {
            let clients = try Clients(
                own: PlainClient("\(directory)/own.sock", tree: "/", messageSize: Self.diodMessageSize),
                large: PlainClient("\(directory)/own.sock", tree: "/", messageSize: Self.ownMessageSize),
                diod: PlainClient(
                    "\(directory)/diod.sock", tree: files.path, messageSize: Self.ownMessageSize))
            guard floor_pin(0, 0) == 0, floor_pin(server.identifier, CInt(cpu)) == 0,
                floor_pin(diod.identifier, CInt(cpu)) == 0
            else { throw BenchFailure("processor \(cpu) is not to be had") }
            try transfers(clients, files, name, &report)
            try names(clients, name, &report)
            try listing(clients, files, name, &report)
        }
        floor_pin(0, -1)
    }

    private struct Clients {
        /// 9p-server at diod's message size, and at its own.
        let own: PlainClient
        let large: PlainClient
        let diod: PlainClient
    }

    // MARK: Data

    private func transfers(
        _ clients: Clients, _ files: ExportedFiles, _ place: String, _ report: inout Report
    ) throws {
        let byteCount = files.byteCount
        for isWriting in [false, true] {
            var least = [Double](repeating: .infinity, count: 3)
            for _ in 0..<extent.count(15, smoke: 1) {
                least[0] = min(least[0], try transfer(clients.own, isWriting, byteCount))
                least[1] = min(least[1], try transfer(clients.large, isWriting, byteCount))
                least[2] = min(least[2], try transfer(clients.diod, isWriting, byteCount))
            }
            for (index, size) in [clients.own.messageSize, clients.large.messageSize].enumerated() {
                report.add(
                    Row(
                        work: "9P sequential \(isWriting ? "write" : "read"), msize \(size), \(place)",
                        against: "diod, msize \(clients.diod.messageSize)", unit: "GB/s",
                        ours: Double(byteCount) / least[index], floor: Double(byteCount) / least[2],
                        aim: .atLeast(1.5)))
            }
        }
        for (depth, name) in [(1, "one in flight"), (16, "16 in flight")] {
            let count = extent.count(3000, smoke: 64) / depth * depth
            var least = [Double.infinity, Double.infinity]
            for _ in 0..<extent.count(20, smoke: 1) {
                least[0] = min(least[0], try randomReads(clients.own, files, count, depth))
                least[1] = min(least[1], try randomReads(clients.diod, files, count, depth))
            }
            report.add(operations("9P 4 KiB random reads, \(name), \(place)", count, least))
        }
    }

    private func operations(_ work: String, _ count: Int, _ least: [Double]) -> Row {
        Row(
            work: work, against: "diod", unit: "1/s", ours: Double(count) / least[0] * 1e9,
            floor: Double(count) / least[1] * 1e9, aim: .atLeast(1.5))
    }

    /// As long as all `byteCount` take, measured on whole messages.
    private func transfer(_ client: PlainClient, _ isWriting: Bool, _ byteCount: Int) throws -> Double {
        let fid = try client.open(ExportedFiles.dataName, isWriting ? .readWrite : [])
        let block = (Int(client.messageSize) - 24) & ~4095
        let payload = [UInt8](repeating: 7, count: block)
        let blocks = byteCount / block
        let elapsed = try Measure.time {
            for offset in stride(from: UInt64(0), to: UInt64(blocks * block), by: block) {
                if isWriting {
                    try client.write(payload, to: fid, at: offset)
                } else {
                    try client.call(.read(fid: fid, offset: offset, count: UInt32(block)))
                }
            }
        }
        try client.clunk(fid)
        return elapsed * Double(byteCount) / Double(blocks * block)
    }

    private func randomReads(
        _ client: PlainClient, _ files: ExportedFiles, _ count: Int, _ depth: Int
    ) throws -> Double {
        let fid = try client.open(ExportedFiles.dataName, [])
        var generator = SplitMix(state: 42)
        let blocks = UInt64(files.byteCount / 4096)
        var offsets = [UInt64](repeating: 0, count: depth)
        let elapsed = try Measure.time {
            for _ in 0..<count / depth {
                for index in offsets.indices { offsets[index] = generator.next() % blocks * 4096 }
                try client.readMany(fid, offsets, count: 4096)
            }
        }
        try client.clunk(fid)
        return elapsed
    }

    // MARK: Names

    private func names(_ clients: Clients, _ place: String, _ report: inout Report) throws {
        let count = extent.count(500, smoke: 10)
        var least = [[Double]](repeating: [.infinity, .infinity], count: 3)
        for _ in 0..<extent.count(15, smoke: 1) {
            let own = try nameWork(clients.own, count)
            let diod = try nameWork(clients.diod, count)
            for index in 0..<3 {
                least[index][0] = min(least[index][0], own[index])
                least[index][1] = min(least[index][1], diod[index])
            }
        }
        for (index, name) in ["create", "stat", "unlink"].enumerated() {
            report.add(operations("9P \(name), \(place)", count, least[index]))
        }
    }

    /// Times of creating, looking at and removing `count` files, as a client that caches nothing does it.
    private func nameWork(_ client: PlainClient, _ count: Int) throws -> [Double] {
        let create = try Measure.time {
            for index in 0..<count {
                let fid = try client.walk([])
                try client.call(
                    .lcreate(
                        fid: fid, name: Name("new-\(index)"), flags: .readWrite, mode: 0o644, group: 0))
                try client.clunk(fid)
            }
        }
        let look = try Measure.time {
            for index in 0..<count {
                let fid = try client.walk(["new-\(index)"])
                try client.call(.getattr(fid: fid, mask: .basic))
                try client.clunk(fid)
            }
        }
        let remove = try Measure.time {
            for index in 0..<count {
                let fid = try client.walk(["new-\(index)"])
                try client.call(.remove(fid: fid))
            }
        }
        return [create, look, remove]
    }

    private func listing(
        _ clients: Clients, _ files: ExportedFiles, _ place: String, _ report: inout Report
    ) throws {
        var least = [Double](repeating: .infinity, count: 3)
        func list(_ client: PlainClient) throws -> Double {
            var count = 0
            let elapsed = try Measure.time { count = try client.list() }
            guard count == files.entryCount + 2 else { throw BenchFailure("a listing of \(count) entries") }
            return elapsed
        }
        for _ in 0..<extent.count(10, smoke: 1) {
            least[0] = min(least[0], try list(clients.own))
            least[1] = min(least[1], try list(clients.large))
            least[2] = min(least[2], try list(clients.diod))
        }
        for (index, size) in [clients.own.messageSize, clients.large.messageSize].enumerated() {
            report.add(
                Row(
                    work: "9P readdir of \(files.entryCount), msize \(size), \(place)",
                    against: "diod, msize \(clients.diod.messageSize)", unit: "entries/s",
                    ours: Double(files.entryCount) / least[index] * 1e9,
                    floor: Double(files.entryCount) / least[2] * 1e9, aim: .atLeast(1.5)))
        }
    }
}

/// Numbers that come the same each time.
struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
