import Glibc
import LinuxSystem
import Logging
import NineP
import NinePServer
import SystemPackage
import TestSupport
import Testing

/// A real server on a real socket in this process, with a directory of its own to serve.
final class ServerBench {
    let top: TestDirectory
    let server: NinePServer
    private let sockets: SocketServer
    private let loop: Thread

    var tree: TestDirectory { TestDirectory(existing: top.path + "/tree") }
    var socketPath: String { top.path + "/socket" }
    /// Where it is served instead, if it is.
    private let place: TCPPlace?

    convenience init(
        policy: Export.Policy = .init(), options: ServerOptions = .init(), squash: Accounts.Squash = .none
    ) throws {
        try self.init(nil, policy: policy, options: options, accounts: Accounts(squash: squash))
    }

    /// - Parameter source: `nil` for a unix socket of its own.
    init(
        _ source: consuming ClientSource?, policy: Export.Policy = .init(), options: ServerOptions = .init(),
        accounts: Accounts, trustsAnyUser: Bool = false
    ) throws {
        top = try TestDirectory()
        try top.makeDirectory("tree")
        var logger = Logger(label: "test", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = .error
        server = try NinePServer(
            exports: [Export(name: "tree", path: top.path + "/tree", policy: policy)],
            accounts: accounts, options: options, logger: logger)
        let path = top.path + "/socket"
        let sockets = try SocketServer(
            server, try source ?? .unix(path), trustsAnyUser: trustsAnyUser)
        if sockets.name.hasPrefix("tcp:") {
            let address = TCPAddress(String(sockets.name.dropFirst(4)), standardPort: 1)
            place = try address.flatMap { try TCPPlace.all(of: $0).first }
        } else {
            place = nil
        }
        self.sockets = sockets
        loop = try Thread("9p-test-loop") { try? sockets.run() }
    }

    deinit {
        sockets.stop()
        loop.join()
        server.shutDown()
        top.remove()
    }

    /// A client that has agreed a version.
    func client(messageSize: UInt32 = 65536) throws -> RawClient {
        let client = try place.map { try RawClient(to: $0) } ?? RawClient(to: socketPath)
        let reply = try client.call(
            .version(maximumMessageSize: messageSize, version: Protocol9P.version), tag: .none)
        #expect(reply == .version(maximumMessageSize: messageSize, version: Protocol9P.version))
        return client
    }

    /// A client whose fid 0 is the root, attached as this process's user.
    func attached(messageSize: UInt32 = 65536) throws -> RawClient {
        let client = try client(messageSize: messageSize)
        try client.attach(0)
        return client
    }
}

/// A directory in /tmp, and what tests do in one.
struct TestDirectory {
    let path: String

    init() throws {
        let path = "/tmp/9p-test-\(getpid())-\(UInt64.random(in: 0 ... .max))"
        guard unsafe mkdir(path, 0o755) == 0 else { throw Errno(rawValue: errno) }
        self.path = path
    }

    init(existing path: String) { self.path = path }

    func remove() { _ = try? run("/bin/rm", ["-rf", path]) }

    func makeDirectory(_ name: String) throws {
        guard unsafe mkdir(path + "/" + name, 0o755) == 0 else { throw Errno(rawValue: errno) }
    }

    func write(_ text: String, to name: String) throws {
        let file = try FileDescriptor.open(
            FilePath(path + "/" + name), .writeOnly, options: [.create, .truncate, .closeOnExec],
            permissions: [.ownerReadWrite, .groupRead, .otherRead])
        try file.closeAfter { _ = try file.writeAll(text.utf8) }
    }

    func read(_ name: String) throws -> String {
        let file = try FileDescriptor.open(FilePath(path + "/" + name), .readOnly, options: .closeOnExec)
        return try file.closeAfter {
            var bytes = [UInt8](repeating: 0, count: 1 << 16)
            let count = try unsafe bytes.withUnsafeMutableBytes { try unsafe file.read(into: $0) }
            return String(decoding: bytes[..<count], as: UTF8.self)
        }
    }

    func link(_ name: String, to target: String) throws {
        guard unsafe symlink(target, path + "/" + name) == 0 else { throw Errno(rawValue: errno) }
    }

    func makePipe(_ name: String) throws {
        guard unsafe mkfifo(path + "/" + name, 0o644) == 0 else { throw Errno(rawValue: errno) }
    }

    func exists(_ name: String) -> Bool { (try? status(name)) != nil }

    func status(_ name: String) throws -> FileStatus {
        let slash = name.lastIndex(of: "/")
        let directory = slash.map { path + "/" + name[..<$0] } ?? path
        let last = slash.map { name[name.index(after: $0)...] } ?? name[...]
        return try OwnedDescriptor.root(at: directory)
            .child(FileName(untrusted: Array(last.utf8)), crossMounts: true).status()
    }
}

/// Runs a program to its end; its exit code and what it printed.
@discardableResult
func run(_ program: String, _ arguments: [String]) throws -> (code: CInt, output: String) {
    let path = "/tmp/9p-output-\(getpid())-\(UInt64.random(in: 0 ... .max))"
    let file = try FileDescriptor.open(
        FilePath(path), .readWrite, options: [.create, .exclusiveCreate, .closeOnExec],
        permissions: [.ownerReadWrite])
    defer {
        unsafe unlink(path)
        try? file.close()
    }
    let process = try SpawnedProcess(program, arguments, output: file.rawValue)
    guard case .exited(let code) = try process.waitForEnding() else { throw Errno.interrupted }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = try unsafe bytes.withUnsafeMutableBytes {
        try unsafe file.read(fromAbsoluteOffset: 0, into: $0)
    }
    return (code, String(decoding: bytes[..<count], as: UTF8.self))
}
