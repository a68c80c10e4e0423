import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// A server that hung up is waited for; one that has kept no session is attached anew (Documentation/decisions/13).
@Suite(.serialized, .timeLimit(.minutes(5))) struct ReconnectionTests {
    private let directory: ServedDirectory
    private let mount: Program

    init() throws {
        directory = try ServedDirectory(.own)
        for name in ["kept", "replaced", "locked"] {
            try Self.make("\(directory.export)/\(name)", name)
        }
        mount = try directory.mount()
    }

    private static func make(_ path: String, _ text: String) throws {
        let file = try FileDescriptor.open(
            FilePath(path), .writeOnly, options: .create, permissions: .ownerReadWrite)
        try file.closeAfter { _ = try file.writeAll(text.utf8) }
    }

    private func open(_ name: String) throws -> FileDescriptor {
        try FileDescriptor.open(FilePath("\(directory.mountPoint)/\(name)"), .readWrite)
    }

    private func text(_ file: FileDescriptor) throws -> String {
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = try unsafe bytes.withUnsafeMutableBytes {
            try unsafe file.read(fromAbsoluteOffset: 0, into: $0)
        }
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    private func killServer() throws {
        directory.server.signal(SIGKILL)
        _ = try directory.server.exitCode()
        try eventually("9p-mount has noticed") { mount.output.contains("hung up") }
    }

    @Test(
        "a server that was started anew: names and open files go on, a replaced file is ESTALE, a locked one EIO"
    )
    func startedAnew() throws {
        let kept = try open("kept")
        let replaced = try open("replaced")
        let locked = try open("locked")
        try #require(flock(locked.rawValue, LOCK_EX) == 0)
        try killServer()
        let export = directory.export
        // Not removed: a file system may give its number to the next file at once.
        try #require(unsafe rename("\(export)/replaced", "\(export)/moved") == 0)
        try Self.make("\(export)/replaced", "another")
        // Waits for the server, and then goes on.
        let waiting = try Program("/bin/cat", ["\(directory.mountPoint)/kept"], in: directory.base)
        let server = try directory.startAgain()
        defer { server.signal(SIGKILL) }
        #expect(try waiting.exitCode() == 0)
        #expect(waiting.output == "kept")
        #expect(try text(kept) == "kept")
        _ = try kept.writeAll(toAbsoluteOffset: 0, "KEPT".utf8)
        #expect(try text(kept) == "KEPT")
        #expect(throws: Errno.staleNFSFileHandle) { try text(replaced) }
        #expect(throws: Errno.ioError) { try text(locked) }
        #expect(try text(try open("locked")) == "locked", "opened anew it answers")
        for file in [kept, replaced, locked] { try? file.close() }
        #expect(try directory.end(mount) == 0)
        #expect(mount.output.contains("attached anew"), "\(mount.output)")
    }

    @Test("what was renamed through the mount is found by its new name by a server that was started anew")
    func renamed() throws {
        let mountPoint = directory.mountPoint
        let file = try open("kept")
        defer { try? file.close() }
        try #require(unsafe mkdir("\(mountPoint)/directory", 0o755) == 0)
        try #require(unsafe rename("\(mountPoint)/kept", "\(mountPoint)/directory/renamed") == 0)
        try killServer()
        let server = try directory.startAgain()
        defer { server.signal(SIGKILL) }
        #expect(try text(file) == "kept")
        #expect(try directory.end(mount) == 0)
        #expect(mount.output.contains("attached anew"), "\(mount.output)")
    }

    @Test("a server that has kept the session: open files and locks go on, and each line is appended once")
    func resumed() throws {
        let journal = "/dev/shm/9p-mount-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        try #require(unsafe mkdir(journal, 0o700) == 0)
        defer { _ = try? Program("/bin/rm", ["-rf", journal], in: "/tmp").exitCode() }
        let directory = try ServedDirectory(.own, journal: journal)
        let mount = try directory.mount()
        let script = """
            exec 3>>log 4>lock; flock 4; for n in $(seq 400); do echo $n >&3 || exit 1; done; flock -n 4; echo done
            """
        let user = try Program(
            "/bin/bash", ["-c", "cd \(directory.mountPoint) && \(script)"], in: directory.base)
        var server = directory.server
        for _ in 0..<4 {
            usleep(30_000)
            server.signal(SIGKILL)
            _ = try server.exitCode()
            server = try directory.startAgain(journal: journal)
        }
        #expect(try user.exitCode() == 0, "\(user.output) \(mount.output)")
        let log = try String(
            decoding: WholeFile.contents(of: "\(directory.export)/log"), as: UTF8.self)
        #expect(log == (1...400).map { "\($0)\n" }.joined())
        #expect(!mount.output.contains("attached anew"), "\(mount.output)")
        #expect(try directory.end(mount) == 0)
        server.signal(SIGKILL)
        _ = try server.exitCode()
    }

    @Test("while the server is away a killed program is let go, and a signal ends the mount")
    func ended() throws {
        try killServer()
        let waiting = try Program("/bin/cat", ["\(directory.mountPoint)/kept"], in: directory.base)
        mount.signal(SIGTERM)
        #expect(try mount.exitCode() == 0)
        #expect(try waiting.exitCode() != 0)
        #expect(!directory.isMounted)
    }
}
