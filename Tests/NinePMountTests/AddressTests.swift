import Glibc
import LinuxSystem
import TestSupport
import Testing

/// Servers that are reached otherwise than by a unix socket's path.
@Suite(.serialized, .timeLimit(.minutes(5))) struct AddressTests {
    private let directory: TemporaryDirectory
    private var export: String { directory.path + "/export" }
    private var mountPoint: String { directory.path + "/mount" }

    init() throws {
        directory = try TemporaryDirectory()
        for path in [export, mountPoint] { try #require(unsafe mkdir(path, 0o755) == 0) }
        _ = try Program("/bin/bash", ["-c", "echo hello > \(export)/file"], in: directory.path).exitCode()
    }

    private func serve(_ place: String) throws -> (server: Program, place: String) {
        let server = try Program(
            ours: "9p-server",
            ["--export", "/=\(export)", "--listen", place, "--trust-clients", "--journal", "none"],
            in: directory.path)
        try eventually("the server; it printed: \(server.output)") { server.output.contains(" on tcp:") }
        let word = try #require(server.output.split { $0.isWhitespace }.last)
        return (server, String(word))
    }

    private func mount(_ place: String) throws -> Program {
        let mount = try Program(ours: "9p-mount", [place, mountPoint], in: directory.path)
        try awaitMount(mount)
        return mount
    }

    private func awaitMount(_ mount: Program) throws {
        try eventually("the mount; it printed: \(mount.output)") {
            mount.output.contains("at \(mountPoint)\n")
        }
    }

    private func end(_ program: Program) throws {
        program.signal(SIGKILL)
        _ = try program.exitCode()
    }

    private func read(_ name: String) throws -> Program {
        try Program("/bin/cat", ["\(mountPoint)/\(name)"], in: directory.path)
    }

    @Test("over TCP, a server that was started anew is waited for, and the mount goes on")
    func reconnection() throws {
        var (server, place) = try serve("tcp:127.0.0.1:0")
        let mount = try mount(place)
        #expect(try read("file").exitCode() == 0)
        #expect(try Program.read("/proc/self/mounts").contains("\(place) \(mountPoint) fuse.9p-mount "))
        try end(server)
        try eventually("9p-mount has noticed") { mount.output.contains("hung up") }
        let waiting = try read("file")
        (server, _) = try serve(place)
        #expect(try waiting.exitCode() == 0 && waiting.output == "hello\n", "\(waiting.output)")
        mount.signal(SIGTERM)
        #expect(try mount.exitCode() == 0)
        #expect(mount.output.contains("\(place): attached anew"), "\(mount.output)")
        try end(server)
    }

    @Test("a connected descriptor is mounted; nobody connects it again, so the mount ends with it")
    func descriptor() throws {
        let (server, place) = try serve("tcp:127.0.0.1:0")
        let port = try #require(place.split(separator: ":").last)
        let program = try Program.buildDirectory() + "/9p-mount"
        let mount = try Program(
            "/bin/bash",
            ["-c", "exec 5<>/dev/tcp/127.0.0.1/\(port) && exec \(program) fd:5 \(mountPoint)"],
            in: directory.path)
        try awaitMount(mount)
        let file = try read("file")
        #expect(try file.exitCode() == 0 && file.output == "hello\n", "\(file.output)")
        try end(server)
        #expect(try mount.exitCode() == 1)
        #expect(mount.output.contains("fd:5: "), "\(mount.output)")
    }

    @Test(
        "an address that leads nowhere is told of in one line, with exit code 1",
        arguments: [
            ("tcp:127.0.0.1:1", "nobody listens on tcp:127.0.0.1:1"),
            ("tcp:no.such.host.invalid", "no address is known for 'no.such.host.invalid'"),
            ("tcp:host:x", "PORT up to 65535"), ("fd:1000000", "no such descriptor is open"),
            ("fd:x", "give the numbers of open descriptors"),
        ])
    func nowhere(place: String, text: String) throws {
        let mount = try Program(ours: "9p-mount", [place, mountPoint], in: directory.path)
        #expect(try mount.exitCode() == 1)
        #expect(mount.output.contains(text) && mount.output.count { $0 == "\n" } == 1, "\(mount.output)")
    }

    @Test("a descriptor does not go with a detached process, which is said")
    func detached() throws {
        let mount = try Program(ours: "9p-mount", ["--detached", "fd:5", mountPoint], in: directory.path)
        #expect(try mount.exitCode() == 1)
        #expect(mount.output.contains("use --foreground"), "\(mount.output)")
    }
}
