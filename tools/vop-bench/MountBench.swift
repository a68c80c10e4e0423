import BenchFloor
import LinuxSystem
import SystemPackage

/// The whole path, 9p-mount on the socket of a guest's device, against the same 9p-mount on the same 9p-server's own
/// socket; and what all of it does when nobody asks for anything.
struct MountBench {
    let extent: Extent
    let programs: Programs

    func run(_ report: inout Report) throws {
        let stack = try FileStack(programs, extent)
        defer { stack.end() }
        for (depth, aim) in [(1, Row.Aim.stated), (16, .atLeast(0.5))] {
            try bandwidth(stack, &report, isCounted: depth == 1)
            try operations(stack, UInt32(depth), aim, &report)
        }
        try idle(stack, &report)
    }

    private func bandwidth(_ stack: FileStack, _ report: inout Report, isCounted: Bool) throws {
        guard isCounted else { return }
        let byteCount = UInt64(stack.files.byteCount)
        for isWriting in [false, true] {
            let least = try Measure.interleaved(
                extent.count(15, smoke: 1),
                [stack.through, stack.direct].map { mount in
                    {
                        let file = try stack.open(mount, ExportedFiles.dataName)
                        // What went through it was looked at: closing only gives the number back.
                        defer { try? file.close() }
                        let elapsed =
                            isWriting
                            ? floor_write_file(file.rawValue, 1 << 20, byteCount)
                            : floor_read_file(file.rawValue, 1 << 20, byteCount)
                        return try Measure.checked(elapsed, mount)
                    }
                })
            report.add(
                Row(
                    work: "through VOP: sequential \(isWriting ? "write" : "read"), 1 MiB a call",
                    against: "without VOP", unit: "GB/s", ours: Double(byteCount) / least[0],
                    floor: Double(byteCount) / least[1], aim: .atLeast(0.8)))
        }
    }

    private func operations(
        _ stack: FileStack, _ threads: UInt32, _ aim: Row.Aim, _ report: inout Report
    ) throws {
        let place = threads == 1 ? "one in flight" : "\(threads) in flight"
        let each = UInt32(extent.count(1600, smoke: 16)) / threads
        func add(_ name: String, _ least: [Double], _ aim: Row.Aim) {
            let count = Double(each * threads)
            report.add(
                Row(
                    work: "through VOP: \(name), \(place)", against: "without VOP", unit: "1/s",
                    ours: count / least[0] * 1e9, floor: count / least[1] * 1e9, aim: aim))
        }
        let size = UInt64(stack.files.byteCount)
        let mounts = [stack.through, stack.direct]
        add(
            "4 KiB random reads",
            try Measure.interleaved(
                extent.count(15, smoke: 1),
                mounts.map { mount in
                    {
                        let file = try stack.open(mount, ExportedFiles.dataName)
                        // What went through it was looked at: closing only gives the number back.
                        defer { try? file.close() }
                        return try Measure.checked(
                            floor_random_reads(file.rawValue, 4096, size, threads, each), mount)
                    }
                }), aim)
        try names(stack, threads, each, areApart: threads > 1) { add($0, $1, aim) }
        guard threads > 1 else { return }
        // The kernel has one of them at a time change a directory: what is measured is one in flight, from 16 threads.
        try names(stack, threads, each, areApart: false) { add("\($0) in one directory", $1, .stated) }
    }

    private func names(
        _ stack: FileStack, _ threads: UInt32, _ each: UInt32, areApart: Bool,
        _ add: (String, [Double]) -> Void
    ) throws {
        let mounts = [stack.through, stack.direct]
        var least = [[Double]](repeating: [.infinity, .infinity], count: 3)
        let works = [FLOOR_CREATE, FLOOR_STAT, FLOOR_UNLINK]
        for _ in 0..<extent.count(8, smoke: 1) {
            for (place, mount) in mounts.enumerated() {
                let directory = try stack.openDirectory(mount)
                // What went through it was looked at: closing only gives the number back.
                defer { try? directory.close() }
                for (index, work) in works.enumerated() {
                    let elapsed = floor_names(
                        directory.rawValue, CInt(work.rawValue), threads, each, areApart ? 1 : 0)
                    least[index][place] = min(least[index][place], try Measure.checked(elapsed, mount))
                }
            }
        }
        for (index, name) in ["create", "stat", "unlink"].enumerated() { add(name, least[index]) }
    }

    /// Two seconds in which nothing is asked of anybody.
    private func idle(_ stack: FileStack, _ report: inout Report) throws {
        let seconds = extent.isSmoke ? 0.2 : 2.0
        Await.pause(0.5)
        let before = stack.processes.map {
            (floor_sleeps($0.identifier), floor_processor_time($0.identifier))
        }
        Await.pause(seconds)
        for (index, name) in stack.names.enumerated() {
            let process = stack.processes[index].identifier
            let wakes = Double(floor_sleeps(process) - before[index].0) / seconds
            let time = Double(floor_processor_time(process) - before[index].1) / seconds / 1e3
            report.add(
                Row(
                    work: "idle, \(name): wake-ups", against: "none", unit: "1/s", ours: wakes, floor: nil,
                    aim: .atMost(0)))
            report.add(
                Row(
                    work: "idle, \(name): processor time", against: "none", unit: "µs/s", ours: time,
                    floor: nil,
                    aim: .atMost(0)))
        }
    }
}

/// Both daemons, a 9p device, the server behind it, and its tree mounted twice.
final class FileStack {
    let files: ExportedFiles
    let through: String
    let direct: String
    private let programs: Programs
    private(set) var processes: [SpawnedProcess] = []
    let names = ["vophostd", "vopguestd", "9p-server", "9p-mount through VOP", "9p-mount on the server"]

    init(_ programs: Programs, _ extent: Extent) throws {
        self.programs = programs
        let directory = programs.directory
        (through, direct) = ("\(directory)/through", "\(directory)/direct")
        files = try ExportedFiles("\(directory)/exported", extent)
        for thread in 0..<16 {
            try RuntimeDirectory.make("\(files.path)/d\(thread < 10 ? "0" : "")\(thread)")
        }
        let (host, guest) = ("\(directory)/stack-host", "\(directory)/stack-guest")
        for path in [through, direct, host, guest, "\(directory)/sockets"] { try RuntimeDirectory.make(path) }
        start("vophostd", ["--tree", host, "--state", "\(directory)/state"])
        start(
            "vopguestd",
            ["--tree", guest, "--state", "\(directory)/state", "--sockets", "\(directory)/sockets"])
        try Await.file("\(host)/version")
        try Await.file("\(guest)/version")
        for tree in [host, guest] {
            try ControlTree(path: tree).addLink("ep0", socket: "\(directory)/stack.sock")
        }
        let tree = ControlTree(path: host)
        try tree.make("links/ep0/devices/share")
        for (value, name) in [("9p", "type"), ("share", "tag"), ("1", "published")] {
            try tree.write(value, to: "links/ep0/devices/share/\(name)")
        }
        start(
            "9p-server",
            [
                "--export", "/=\(files.path)", "--copy-file", "\(host)/links/ep0/devices/share/queues/0/copy",
                "--listen", "unix:\(directory)/server.sock", "--journal", "\(directory)/journal",
            ])
        for (socket, mount) in [("sockets/share.sock", through), ("server.sock", direct)] {
            try Await.file("\(directory)/\(socket)")
            start("9p-mount", ["--foreground", "\(directory)/\(socket)", mount])
            try Await.file("\(mount)/\(ExportedFiles.dataName)")
        }
    }

    private func start(_ program: String, _ arguments: [String]) {
        do { processes.append(try programs.start(program, arguments)) } catch {
            Report.say("\(program) could not be started: \(error)")
        }
    }

    func open(_ mount: String, _ name: String) throws -> FileDescriptor {
        try FileDescriptor.open(FilePath("\(mount)/\(name)"), .readWrite)
    }

    func openDirectory(_ mount: String) throws -> FileDescriptor {
        try FileDescriptor.open(FilePath(mount), .readOnly, options: .directory)
    }

    func end() { for process in processes.reversed() { programs.end(process) } }
}
