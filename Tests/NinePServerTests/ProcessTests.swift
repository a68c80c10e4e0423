import Glibc
import LinuxSystem
import NineP
import NinePServer
import SystemPackage
import TestSupport
import Testing

/// The command itself, as somebody would run it.
final class ServerProcess: Sendable {
    /// Beside the test runner, where the build puts it.
    static var program: String {
        let runner = CommandLine.arguments[0]
        let slash = runner.lastIndex(of: "/") ?? runner.startIndex
        let directory = runner[..<slash]
        // The runner may lie in a bundle of its own.
        return
            (directory.hasSuffix(".xctest")
            ? directory[..<(directory.lastIndex(of: "/") ?? slash)] : directory)
            + "/9p-server"
    }

    let process: SpawnedProcess
    private let output: FileDescriptor
    private let outputPath: String

    /// - Parameter prefix: a program that starts it, with that program's arguments.
    init(
        _ arguments: [String], program: String = ServerProcess.program, startedBy prefix: [String] = []
    ) throws {
        outputPath = "/tmp/9p-server-output-\(getpid())-\(UInt64.random(in: 0 ... .max))"
        output = try FileDescriptor.open(
            FilePath(outputPath), .readWrite, options: [.create, .exclusiveCreate, .closeOnExec],
            permissions: [.ownerReadWrite])
        // Nothing of a test's is kept where this machine's own servers keep theirs.
        let kept = arguments.contains("--journal") ? [] : ["--journal", "none"]
        // Under a sanitizer it would say that it is not confined.
        let isTold = arguments.contains("--confine") || !ThisProcess.hasSanitizer
        let words = prefix + [program] + arguments + kept + (isTold ? [] : ["--confine", "none"])
        process = try SpawnedProcess(words[0], Array(words.dropFirst()), output: output.rawValue)
    }

    deinit {
        process.killAndWait()
        unsafe unlink(outputPath)
        try? output.close()
    }

    var printed: String {
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = try? unsafe bytes.withUnsafeMutableBytes {
            try unsafe output.read(fromAbsoluteOffset: 0, into: $0)
        }
        return String(decoding: bytes[..<(count ?? 0)], as: UTF8.self)
    }

    /// Waits until it has said that it serves.
    func waitUntilServing() throws {
        try eventually("9p-server's word that it serves") {
            guard process.ending() == nil else { throw Errno.noSuchProcess }
            return printed.contains("serving ")
        }
    }

    func waitForEnd() throws -> SpawnedProcess.Ending { try process.waitForEnding() }
}

@Suite("the command 9p-server")
struct ProcessTests {
    let top: TestDirectory
    var socket: String { top.path + "/socket" }

    init() throws {
        top = try TestDirectory()
        try top.makeDirectory("tree")
        try TestDirectory(existing: top.path + "/tree").write("hello\n", to: "file")
    }

    @Test(
        "it says what it serves where, serves it, and a signal ends it cleanly", arguments: [SIGTERM, SIGINT])
    func serves(signal: CInt) throws {
        defer { top.remove() }
        let server = try ServerProcess(["--export", "share=\(top.path)/tree", "--listen", "unix:\(socket)"])
        try server.waitUntilServing()
        #expect(server.printed == "serving share=\(top.path)/tree on unix:\(socket)\n")
        #expect(try top.status("socket").mode & 0o777 == 0o600)
        let client = try RawClient(to: socket)
        try client.must(.version(maximumMessageSize: 8192, version: "9P2000.L"))
        try client.must(.attach(fid: 0, authFid: .none, user: "", tree: "share", userNumber: getuid()))
        try client.open("file", as: 1)
        #expect(try client.read(1) == "hello\n")
        server.process.signal(signal)
        #expect(try server.waitForEnd() == .exited(0))
        #expect(!top.exists("socket"))
    }

    @Test(
        "what cannot be served is said in one line, with exit code 1",
        arguments: [
            (["--export", "/no/such/directory"], "No such file or directory; make that directory"),
            (["--export", "/etc/passwd"], "Not a directory; name a directory"),
            ([], "nothing to serve; name a directory with --export PATH"),
            (["--export", "a=/tmp", "--export", "a=/"], "--export a is there twice"),
            (["--export", "/tmp", "--msize", "4095"], "give a number from 4096 to 1048576"),
            (["--export", "/tmp", "--workers", "0"], "give a number from 1 to 1024"),
        ])
    func refusals(arguments: [String], text: String) throws {
        defer { top.remove() }
        let (code, output) = try run(
            ServerProcess.program, arguments + ["--listen", "unix:\(socket)", "--journal", "none"])
        #expect(code == 1)
        #expect(
            output.hasPrefix("9p-server: ") && output.contains(text) && output.count { $0 == "\n" } == 1,
            "\(output)")
        #expect(!top.exists("socket"))
    }

    @Test(
        "4.5 (17): a client that comes when the descriptors are used up waits, is told of once, and then served"
    )
    func outOfDescriptors() throws {
        defer { top.remove() }
        let server = try ServerProcess(["--export", top.path + "/tree", "--listen", "unix:\(socket)"])
        try server.waitUntilServing()
        let limiting = ["--pid", "\(server.process.identifier)", "--nofile=32:32"]
        #expect(try run("/usr/bin/prlimit", limiting).code == 0)
        var clients = try (0..<48).map { _ in try RawClient(to: socket) }
        for client in clients {
            try client.send(.version(maximumMessageSize: 8192, version: "9P2000.L"), tag: 0xFFFF)
        }
        _ = try clients[0].receive()
        while !server.printed.contains("no client accepted") { usleep(1000) }
        // Long enough for a loop that did not rest to say it a thousand times.
        usleep(600_000)
        #expect(server.printed.split(separator: "\n").count { $0.contains("no client accepted") } == 1)
        let last = clients.removeLast()
        clients = []
        _ = try last.receive()
    }

    @Test("a second server on one socket is refused, and help and version are no failure")
    func secondServer() throws {
        defer { top.remove() }
        let server = try ServerProcess(["--export", top.path + "/tree", "--listen", "unix:\(socket)"])
        try server.waitUntilServing()
        let (code, output) = try run(
            ServerProcess.program, ["--export", "/tmp", "--listen", "unix:\(socket)", "--journal", "none"])
        #expect(code == 1 && output.contains("somebody listens there"))
        #expect(try run(ServerProcess.program, ["--help"]).code == 0)
        #expect(try run(ServerProcess.program, ["--version"]).code == 0)
        _ = try RawClient(to: socket)
    }

    @Test(
        "4.5 (29): an ordinary user's server is that user, and nobody else",
        .enabled(if: getuid() == 0, "needs root to become somebody"))
    func ordinaryUser() throws {
        defer { top.remove() }
        let become = ["/usr/bin/setpriv", "--reuid", "4242", "--regid", "4242", "--clear-groups"]
        #expect(unsafe chmod(top.path, 0o777) == 0)
        #expect(unsafe chmod(top.path + "/tree", 0o777) == 0)
        // That user may not be allowed to where this was built.
        let program = top.path + "/9p-server"
        try #require(try run("/bin/cp", [ServerProcess.program, program]).code == 0)
        let server = try ServerProcess(
            ["--export", "share=\(top.path)/tree", "--listen", "unix:\(socket)"], program: program,
            startedBy: become)
        try server.waitUntilServing()
        let client = try RawClient(to: socket)
        try client.must(.version(maximumMessageSize: 8192, version: "9P2000.L"))
        try client.refuses(
            .attach(fid: 0, authFid: .none, user: "", tree: "share", userNumber: 0), with: .notPermitted)
        try client.must(.attach(fid: 0, authFid: .none, user: "", tree: "share", userNumber: 4242))
        try client.walk(0, to: 1)
        try client.must(.lcreate(1, "made"))
        #expect(try top.status("tree/made").user == 4242)
        try client.refuses(.setattr(1) { ($0.valid, $0.user) = (.user, 0) }, with: .notPermitted)
        server.process.signal(SIGTERM)
        #expect(try server.waitForEnd() == .exited(0))
    }

    @Test("a copy file that does not come in time: exit code 3, and what to do")
    func patience() throws {
        defer { top.remove() }
        let (code, output) = try run(
            ServerProcess.program,
            [
                "--export", top.path + "/tree", "--copy-file", top.path + "/copy", "--patience", "1",
                "--journal",
                top.path + "/journal",
            ])
        #expect(code == 3 && output.contains("start vophostd, or add the device"), "\(output)")
    }

    @Test("a journal where others may write, or that cannot be made, is refused")
    func journals() throws {
        defer { top.remove() }
        try top.makeDirectory("open")
        #expect(unsafe chmod(top.path + "/open", 0o777) == 0)
        for place in ["/open", "/tree/file/x"] {
            let (code, output) = try run(
                ServerProcess.program,
                ["--export", top.path + "/tree", "--listen", "unix:\(socket)", "--journal", top.path + place])
            #expect(code == 1 && output.contains("only you may write to"), "\(output)")
        }
    }

    @Test("a client nobody here wrote: diod's list, print, and load a directory")
    func diodClients() throws {
        defer { top.remove() }
        let server = try ServerProcess(["--export", "share=\(top.path)/tree", "--listen", "unix:\(socket)"])
        try server.waitUntilServing()
        let common = ["-s", socket, "-a", "share"]
        let (catCode, content) = try run("/usr/sbin/diodcat", common + ["file"])
        #expect(catCode == 0 && content == "hello\n")
        let (_, listing) = try run("/usr/sbin/diodls", common)
        #expect(listing.split(separator: "\n").contains("file"))
        let (_, long) = try run("/usr/sbin/diodls", common + ["-l"])
        #expect(long.contains("-rw-r--r--") && long.contains("6") && long.contains("file"))
        #expect(
            try run("/usr/sbin/diodcat", common + ["missing"]).output.contains("No such file or directory"))
    }
}
