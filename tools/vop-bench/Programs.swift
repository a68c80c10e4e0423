import BenchFloor
import Glibc
import LinuxSystem
import SystemPackage

/// Processes of this run, each written into `pids` in the working directory, so that whoever started us can end what we
/// leave behind.
final class Programs {
    let directory: String
    private var running: [SpawnedProcess] = []

    init(_ directory: String) throws {
        self.directory = directory
        try RuntimeDirectory.make("\(directory)/log")
    }

    /// Starts a program that stands beside this one, or one at a path.
    func start(_ program: String, _ arguments: [String]) throws -> SpawnedProcess {
        let name = program.split(separator: "/").last.map(String.init) ?? program
        let log = try FileDescriptor.open(
            FilePath("\(directory)/log/\(name)"), .writeOnly, options: [.create, .append],
            permissions: [.ownerReadWrite])
        // What went through it was looked at: closing only gives the number back.
        defer { try? log.close() }
        let path = program.hasPrefix("/") ? program : CompanionProgram.path(program)
        let process = try SpawnedProcess(path, arguments, output: log.rawValue)
        let pids = try FileDescriptor.open(
            FilePath("\(directory)/pids"), .writeOnly, options: [.create, .append],
            permissions: [.ownerReadWrite])
        try pids.closeAfter { _ = try pids.writeAll("\(process.identifier)\n".utf8) }
        running.append(process)
        return process
    }

    func end(_ process: SpawnedProcess) {
        process.signal(SIGTERM)
        let deadline = ContinuousClock.now + .seconds(10)
        while process.ending() == nil, ContinuousClock.now < deadline { usleep(2000) }
        process.killAndWait()
        running.removeAll { $0 === process }
    }

    func endAll() { for process in running.reversed() { end(process) } }
}

enum Await {
    /// Half a minute at most.
    static func that(_ what: String, _ isSo: () throws -> Bool) throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while !(try isSo()) {
            guard ContinuousClock.now < deadline else {
                throw BenchFailure("\(what) did not come within 30 s")
            }
            usleep(1000)
        }
    }

    static func pause(_ seconds: Double) { usleep(UInt32(seconds * 1e6)) }

    static func file(_ path: String) throws {
        try that(path) {
            do throws(Errno) { _ = try ValueFile(reading: path) } catch {
                // A socket is there, and nobody may open it as a file.
                return error == .noSuchAddressOrDevice
            }
            return true
        }
    }
}

/// A daemon's control tree, by its files.
struct ControlTree {
    let path: String

    func make(_ name: String) throws { try RuntimeDirectory.make("\(path)/\(name)") }

    func write(_ value: String, to name: String) throws {
        do throws(Errno) { try ValueFile(writing: "\(path)/\(name)").write(Array("\(value)\n".utf8)) } catch {
            throw BenchFailure("\(path)/\(name): «\(value)»: \(error)")
        }
    }

    func read(_ name: String) throws -> String {
        var bytes = try ValueFile(reading: "\(path)/\(name)").contents()
        if bytes.last == 10 { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Stages a link and brings it up.
    func addLink(_ link: String, socket: String, windowByteCount: Int? = nil) throws {
        try make("links/\(link)")
        try write(socket, to: "links/\(link)/socket")
        if let windowByteCount { try write("\(windowByteCount)", to: "links/\(link)/window_bytes") }
        try write("1", to: "links/\(link)/up")
    }

    /// Publishes a device of a type without a driver, with one queue of 128.
    func addDevice(_ name: String, on link: String, type: UInt8) throws {
        let device = "links/\(link)/devices/\(name)"
        try make(device)
        try write("\(type)", to: "\(device)/type")
        try make("\(device)/queues/0")
        try write("128", to: "\(device)/queues/0/size")
        try write("1", to: "\(device)/published")
    }
}
