import FUSEMount
import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@testable import _p_mount

/// A file system that answers nothing of its own.
private final class NothingServed: FUSEFilesystem {}

@Suite(.serialized) struct EndingsTests {
    @Test("a signal unmounts and exits 0", arguments: [SIGTERM, SIGINT, SIGHUP])
    func signals(number: CInt) throws {
        let directory = try ServedDirectory(.own)
        let mount = try directory.mount()
        mount.signal(number)
        #expect(try mount.exitCode() == 0)
        #expect(!directory.isMounted)
    }

    @Test("fusermount3 -u from outside ends it with 0")
    func unmountedOutside() throws {
        let directory = try ServedDirectory(.own)
        let mount = try directory.mount()
        let helper = try Program("/usr/bin/fusermount3", ["-u", directory.mountPoint], in: directory.base)
        #expect(try helper.exitCode() == 0, "\(helper.output)")
        #expect(try mount.exitCode() == 0)
    }

    @Test(
        "when the server goes and is not waited for, or not back in time, the mount goes: exit 1, and who waits is told",
        arguments: [0, 1])
    func serverGone(seconds: Int) throws {
        let directory = try ServedDirectory(.own)
        let mount = try directory.mount(["--reconnect", "\(seconds)"])
        // Busy: a shell stands in it with a file open.
        let script =
            "cd \(directory.mountPoint) && exec 3>f && echo open && while echo x >&3; do sleep 0.02; done"
        let user = try Program("/bin/bash", ["-c", script], in: directory.base)
        try eventually("the user is in") { user.output.contains("open") }
        directory.server.signal(SIGKILL)
        #expect(try mount.exitCode() == 1)
        #expect(try user.exitCode() != 127)
        #expect(!directory.isMounted)
        let lines = mount.output.split(separator: "\n")
        #expect(lines.count >= 2 && lines.last?.contains("hung up") == true, "\(mount.output)")
    }

    @Test(
        "a server that hangs up again whenever it is reached is given up like one that is away, and is told of once"
    )
    func fickleServer() throws {
        let directory = try ServedDirectory(.own)
        let script = FilePath(#filePath).removingLastComponent().appending("checks/fickle_server.py").string
        let path = directory.base + "/fickle"
        let fickle = try Program(
            "/usr/bin/python3", ["-B", script, path, directory.socket], in: directory.base)
        try eventually("the fickle server; it printed: \(fickle.output)") { fickle.output.contains("ready") }
        let mount = try directory.start(["--reconnect", "3"], socket: path)
        try eventually("the mount; it printed: \(mount.output)") { mount.output.contains("mounted ") }
        let asking = try Program("/bin/df", [directory.mountPoint], in: directory.base)
        #expect(try mount.exitCode() == 1)
        #expect(try asking.exitCode() != 0)
        let lines = mount.output.split(separator: "\n")
        #expect(lines.count { $0.contains("waiting up to") } == 1, "\(mount.output)")
        #expect(lines.count <= 5 && mount.output.contains("whenever it is reached"), "\(mount.output)")
    }

    @Test("a signal ends a mount in use")
    func busy() throws {
        let directory = try ServedDirectory(.own)
        let mount = try directory.mount(["--cache", "mmap"])
        let script = "cd \(directory.mountPoint) && exec 3>f && echo open && exec sleep 1000"
        let user = try Program("/bin/bash", ["-c", script], in: directory.base)
        try eventually("the user is in") { user.output.contains("open") }
        #expect(try directory.end(mount) == 0)
        #expect(!directory.isMounted)
        user.signal(SIGKILL)
        _ = try user.exitCode()
    }

    @Test("detached, the command returns when the mount is ready, and the mount outlives it")
    func detached() throws {
        let directory = try ServedDirectory(.own)
        let command = try directory.start(["--detached"])
        #expect(try command.exitCode() == 0, "\(command.output)")
        #expect(command.output == "mounted \(directory.socket) at \(directory.mountPoint)\n")
        #expect(directory.isMounted)
        let helper = try Program("/usr/bin/fusermount3", ["-u", directory.mountPoint], in: directory.base)
        #expect(try helper.exitCode() == 0, "\(helper.output)")
    }

    @Test("a detached mount whose caller has given up goes, since its caller has said that there is none")
    func callerGaveUp() throws {
        let directory = try ServedDirectory(.own)
        let program = try Program.buildDirectory() + "/9p-mount"
        let arguments = "--aname tree --report-descriptor 3 \(directory.socket) \(directory.mountPoint)"
        let script = "exec 3> >(:); wait $!; exec \(program) \(arguments)"
        let mount = try Program("/bin/bash", ["-c", script], in: directory.base)
        #expect(try mount.exitCode() == 0, "\(mount.output)")
        #expect(!directory.isMounted)
    }

    @Test("a detached process that says nothing is given up by a sentence of its own: exit 3")
    func detachedSilence() throws {
        let ends = try ByteStream.pair()
        #expect {
            try Report.text(from: ends.near, within: .milliseconds(20))
        } throws: { error in
            let failure = error as? MountFailure
            return failure?.code == .timedOut && failure?.text.contains("was not mounted within") == true
        }
        try ends.far.write(Array("2refused\n".utf8), within: HangGuard.limit)
        ends.far.shutDown()
        #expect(Report.failure(in: try Report.text(from: ends.near))?.text == "refused")
    }

    @Test("a mount that cannot be unmounted is said to be there still: exit 1")
    func undetachable() throws {
        let directory = try ServedDirectory(.own)
        let (above, moved) = (directory.base + "/above", directory.base + "/moved")
        let mountPoint = above + "/mount"
        for path in [above, mountPoint] { try #require(unsafe mkdir(path, 0o755) == 0) }
        let mount = try directory.start(at: mountPoint)
        try eventually("the mount") { mount.output.contains("mounted ") }
        // It is there, and no longer where it was made.
        try #require(unsafe rename(above, moved) == 0)
        mount.signal(SIGTERM)
        #expect(try mount.exitCode() == 1)
        #expect(mount.output.contains("\(mountPoint) could not be unmounted"), "\(mount.output)")
        #expect(!mount.output.contains("is unmounted"))
        #expect(Mounts.atOrBelow(moved).count == 1)
    }

    @Test("requests that can be read no more end the mount with a reason, not as if it had been unmounted")
    func unreadable() throws {
        let directory = try TemporaryDirectory()
        let session = try FUSESession(
            NothingServed(), at: directory.path, MountOptions(source: "test", subtype: "test"))
        defer { session.unmount() }
        let workers = try Workers(serving: session) { _ in }
        FUSEDevice.sever(session.pollDescriptor)
        try workers.start()
        try eventually("the end") { workers.endCounter.drain() > 0 }
        #expect(workers.failure == .badFileDescriptor)
    }

    @Test("what a killed 9p-mount left is taken away by the next")
    func deadMount() throws {
        let directory = try ServedDirectory(.own)
        let first = try directory.mount()
        first.signal(SIGKILL)
        _ = try first.exitCode()
        let second = try directory.mount()
        #expect(try directory.end(second) == 0)
        #expect(!directory.isMounted)
    }
}

@Suite(.serialized) struct RefusalTests {
    let directory: ServedDirectory

    init() throws { directory = try ServedDirectory(.own) }

    /// One line on the way out, and nothing mounted.
    private func expect(_ program: Program, code: CInt, _ text: String) throws {
        #expect(try program.exitCode() == code)
        #expect(program.output.hasPrefix("9p-mount: ") && program.output.contains(text), "\(program.output)")
        #expect(program.output.split(separator: "\n").count == 1)
        #expect(!directory.isMounted)
    }

    @Test("a missing socket, or one nobody listens on")
    func socket() throws {
        try expect(try directory.start(socket: "/none"), code: 1, "does not exist")
        try expect(try directory.start(["--detached"], socket: "/none"), code: 1, "does not exist")
        directory.server.signal(SIGKILL)
        try eventually("the server is gone") { kill(directory.server.identifier, 0) != 0 || !isAnswering() }
        try expect(try directory.start(), code: 1, "nobody listens")
    }

    private func isAnswering() -> Bool {
        (try? ByteStream.connected(to: directory.socket)) != nil ? true : false
    }

    @Test("a mount point that is missing, or no directory")
    func mountPoint() throws {
        try expect(try directory.start(at: directory.base + "/none"), code: 1, "does not exist")
        try expect(try directory.start(at: directory.socket), code: 1, "not a directory")
    }

    @Test("a mount point in use")
    func inUse() throws {
        let mount = try directory.mount()
        let second = try directory.start()
        #expect(try second.exitCode() == 1)
        #expect(second.output.contains("already"), "\(second.output)")
        #expect(try directory.end(mount) == 0)
    }

    @Test("a tree the server does not have is refused by the server: exit 2")
    func attach() throws {
        try expect(try directory.start(["--aname", "other"]), code: 2, "refused to attach 'other'")
    }

    @Test("a server that says nothing: exit 3")
    func silence() throws {
        let path = directory.base + "/silent"
        let listener = try Socket.listening(.stream, at: path)
        try expect(try directory.start(socket: path), code: 3, "did not answer")
        _ = consume listener
    }

    @Test(
        "a signal ends the wait for a server that says nothing: exit 0, as asked",
        arguments: [SIGTERM, SIGINT])
    func signalBeforeTheAnswer(number: CInt) throws {
        let path = directory.base + "/silent"
        let listener = try Socket.listening(.stream, at: path)
        let mount = try directory.start(socket: path)
        var connection: Socket?
        try eventually("9p-mount's connection") {
            guard let accepted = try listener.accept() else { return false }
            connection = consume accepted
            return true
        }
        mount.signal(number)
        #expect(try mount.exitCode() == 0)
        #expect(mount.output.isEmpty && !directory.isMounted)
        _ = consume connection
    }

    @Test("a wrong option is a usage error: exit 1; help needs nothing: exit 0")
    func usage() throws {
        #expect(try directory.start(["--msize", "100"]).exitCode() == 1)
        #expect(try directory.start(["--cache", "loose"]).exitCode() == 1)
        #expect(try directory.start(["--reconnect", "86401"]).exitCode() == 1)
        #expect(try directory.start(["--help"]).exitCode() == 0)
    }
}
