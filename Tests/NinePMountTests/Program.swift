import Glibc
import LinuxSystem
import SystemPackage
import TestSupport

/// A program under test, or one that tests: its output in a file, its end waited for with a limit.
final class Program: Sendable {
    private let process: SpawnedProcess
    private let outputPath: String

    init(_ path: String, _ arguments: [String], in directory: String) throws {
        outputPath = directory + "/output-\(UInt64.random(in: 0 ... .max))"
        let file = try FileDescriptor.open(
            FilePath(outputPath), .writeOnly, options: [.create, .append, .closeOnExec],
            permissions: .ownerReadWrite)
        defer { try? file.close() }
        do { process = try SpawnedProcess(path, arguments, output: file.rawValue) } catch {
            unsafe unlink(outputPath)
            throw error
        }
    }

    /// One of this package's own, from where the tests were built.
    convenience init(ours name: String, _ arguments: [String], in directory: String) throws {
        try self.init(Program.buildDirectory() + "/" + name, arguments, in: directory)
    }

    static func buildDirectory() throws -> String {
        guard let path = unsafe realpath("/proc/self/exe", nil) else { throw Errno(rawValue: errno) }
        defer { unsafe free(path) }
        return FilePath(unsafe String(cString: path)).removingLastComponent().string
    }

    /// What it has printed so far, both streams.
    var output: String { (try? Program.read(outputPath)) ?? "" }

    static func read(_ path: String) throws -> String {
        let file = try FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec)
        defer { try? file.close() }
        var (text, bytes) = ([UInt8](), [UInt8](repeating: 0, count: 65_536))
        // SAFETY: the array's own storage, borrowed for the call.
        while case let count = try unsafe bytes.withUnsafeMutableBytes({ try unsafe file.read(into: $0) }),
            count > 0
        {
            text += bytes.prefix(count)
        }
        return String(decoding: text, as: UTF8.self)
    }

    // Its directory need not be one that goes with the test.
    deinit {
        process.killAndWait()
        unsafe unlink(outputPath)
    }

    func signal(_ number: CInt) { process.signal(number) }
    var identifier: CInt { process.identifier }

    /// The exit code; a signal's number below zero.
    func exitCode(within limit: Duration = HangGuard.limit) throws -> CInt {
        do {
            switch try process.waitForEnding(within: limit) {
            case .exited(let code): return code
            case .signalled(let number): return -number
            }
        } catch let overdue as Overdue { throw Overdue("\(overdue); it printed: \(output)") }
    }
}
