import CLinux
import Glibc
import NineP
import SystemPackage
import TestSupport
import Testing

@testable import LinuxSystem
@testable import NinePServer

/// The program has given up what it does not need: ninep 4.5, the twenty-ninth case.
@Suite(
    "4.5 (29): 9p-server confines itself",
    .enabled(
        if: !ThisProcess.hasSanitizer, "a sanitizer does things of its own: such a server is not confined"))
struct ConfinedServerTests {
    private let top = try? TestDirectory()
    private var place: String { top?.path ?? "" }
    private var socket: String { place + "/socket" }

    private func server(_ how: String, startedBy starter: [String] = []) throws -> ServerProcess {
        let top = try #require(top)
        try top.makeDirectory("tree")
        try TestDirectory(existing: top.path + "/tree").write("hello\n", to: "file")
        let server = try ServerProcess(
            [
                "--export", "tree=\(top.path)/tree", "--listen", "unix:\(socket)", "--confine", how,
            ], startedBy: starter)
        return server
    }

    /// A field of /proc/PID/status, of each thread.
    private func field(_ name: String, of process: CInt) throws -> [String] {
        try DirectoryPath.names(at: "/proc/\(process)/task").map { thread in
            let status = try ValueFile(reading: "/proc/\(process)/task/\(thread)/status").contents()
            let line = String(decoding: status, as: UTF8.self).split(separator: "\n")
                .first { $0.hasPrefix("\(name):") }
            return line?.split(separator: "\t").last.map(String.init) ?? ""
        }
    }

    @Test(
        "every thread has a filter and gains no privilege, unless told not to",
        arguments: [("auto", "1", "2"), ("require", "1", "2"), ("none", "0", "0")])
    func threads(how: String, noNewPrivileges: String, filter: String) throws {
        defer { top?.remove() }
        let server = try server(how)
        try server.waitUntilServing()
        // The last of its threads begins with its first client.
        let client = try RawClient(to: socket)
        try client.must(.version(maximumMessageSize: 8192, version: "9P2000.L"))
        let process = server.process.identifier
        #expect(Set(try field("Seccomp", of: process)) == [filter])
        #expect(Set(try field("NoNewPrivs", of: process)) == [noNewPrivileges])
        #expect(try field("Seccomp", of: process).count > 4)
        #expect(server.printed.split(separator: "\n").count == 1, "\(server.printed)")
    }

    @Test(
        "no ambient capability remains, unless told not to confine itself",
        .enabled(if: getuid() == 0, "needs root, to have one"),
        arguments: [("require", true), ("none", false)])
    func ambient(how: String, isNone: Bool) throws {
        defer { top?.remove() }
        let server = try server(
            how, startedBy: ["/usr/bin/setpriv", "--inh-caps=+chown", "--ambient-caps=+chown"])
        try server.waitUntilServing()
        let sets = Set(try field("CapAmb", of: server.process.identifier))
        #expect((sets == ["0000000000000000"]) == isNone, "\(sets)")
    }

    @Test(
        "a file that was moved out of the export is not opened through its fid; where it is not confined, it is",
        arguments: [("require", true), ("none", false)])
    func movedOut(how: String, isRefused: Bool) throws {
        defer { top?.remove() }
        let server = try server(how)
        try server.waitUntilServing()
        let client = try RawClient(to: socket)
        try client.must(.version(maximumMessageSize: 8192, version: "9P2000.L"))
        try client.attach(0)
        try client.walk(0, to: 1, "file")
        try client.walk(0, to: 2, "file")
        try client.open(1)
        #expect(unsafe rename(place + "/tree/file", place + "/outside") == 0)
        if isRefused {
            try client.refuses(.lopen(fid: 2, flags: .readOnly), with: .permissionDenied)
        } else {
            try client.open(2)
        }
        #expect(try client.read(1) == "hello\n", "what is open stays open")
        #expect(unsafe rename(place + "/outside", place + "/tree/back") == 0)
        if isRefused { try client.open(2) }
    }

    @Test(
        "what the kernel has not is said in one line, and fatal where all is required",
        arguments: [
            (CInt(SYS_landlock_create_ruleset), Errno.noFunction, "not held to its files"),
            (CInt(SYS_landlock_create_ruleset), Errno.notSupported, "not held to its files"),
            (CInt(SYS_seccomp), Errno.invalidArgument, "not held to its system calls"),
        ])
    func lacking(call: CInt, error: Errno, text: String) throws {
        defer { top?.remove() }
        // On a kernel that lacks one thing: so its calls are answered to whatever this thread starts.
        let calls = (0...CInt(469)).map { CallFilter.Rule($0, $0 == call ? .never(error) : .always) }
        let demanding = [
            "--export", place, "--listen", "unix:\(place)/other", "--journal", "none", "--confine", "require",
        ]
        let (lax, (code, output)) = try OneThread.run {
            try CallFilter(calls, newestKnown: 469).enforce(onAllThreads: false)
            return (try server("auto"), try run(ServerProcess.program, demanding))
        }
        try lax.waitUntilServing()
        #expect(lax.printed.split(separator: "\n").count { $0.contains(text) } == 1, "\(lax.printed)")
        #expect(lax.printed.split(separator: "\n").count == 2, "\(lax.printed)")
        #expect(code == 1 && output.contains("--confine require: it cannot be held"), "\(output)")
        #expect(output.split(separator: "\n").count == 1, "\(output)")
        #expect(top?.exists("other") == false)
    }

    // MARK: Users

    @Test("users are looked up by a process aside, which has nothing of the server's and ends with it")
    func usersAside() throws {
        defer { top?.remove() }
        let server = try server("require")
        try server.waitUntilServing()
        let process = server.process.identifier
        let children = try ValueFile(reading: "/proc/\(process)/task/\(process)/children").contents()
        let aside = try #require(
            CInt(String(decoding: children, as: UTF8.self).split(separator: " ").first ?? ""))
        #expect(try DirectoryPath.names(at: "/proc/\(aside)/fd") == ["0", "1", "2", "3"])
        let client = try RawClient(to: socket)
        try client.must(.version(maximumMessageSize: 8192, version: "9P2000.L"))
        try client.must(.attach(fid: 0, authFid: .none, user: "", tree: "tree", userNumber: getuid()))
        let me = unsafe String(cString: getpwuid(getuid()).pointee.pw_name)
        try client.must(.attach(fid: 1, authFid: .none, user: Name(me), tree: "tree", userNumber: .max))
        try client.refuses(
            .attach(fid: 2, authFid: .none, user: "no such user", tree: "tree", userNumber: .max),
            with: .noSuchFileOrDirectory)
        let watched = try WatchedProcess(aside)
        server.process.killAndWait()
        try eventually("the end of the process aside") { watched.hasEnded }
    }

    @Test("without the process aside nobody is looked up: EIO, and who is attached goes on")
    func usersGone() throws {
        defer { top?.remove() }
        let server = try server("require")
        try server.waitUntilServing()
        let client = try RawClient(to: socket)
        try client.must(.version(maximumMessageSize: 8192, version: "9P2000.L"))
        try client.attach(0)
        let process = server.process.identifier
        let children = try ValueFile(reading: "/proc/\(process)/task/\(process)/children").contents()
        let aside = try #require(
            CInt(String(decoding: children, as: UTF8.self).split(separator: " ").first ?? ""))
        try WatchedProcess(aside).signal(SIGKILL)
        try client.refuses(
            .attach(fid: 2, authFid: .none, user: "nobody", tree: "tree", userNumber: .max), with: .ioError)
        try client.open("file", as: 3)
        #expect(try client.read(3) == "hello\n")
    }
}

/// A thread of a test's own, for what no thread gets rid of again.
enum OneThread {
    static func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) throws -> Result {
        let outcome = Monitor<Swift.Result<Result, any Error>?>(nil)
        try Thread("confined") {
            let result = Swift.Result { try body() }
            outcome.withLock { $0 = result }
        }.join()
        return try #require(outcome.withLock { $0 }).get()
    }
}
