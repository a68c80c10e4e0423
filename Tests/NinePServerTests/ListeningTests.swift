import Glibc
import LinuxSystem
import NineP
import NinePServer
import SystemPackage
import TestSupport
import Testing

@Suite("where 9p-server's clients come from")
struct ListeningTests {
    let top: TestDirectory

    init() throws {
        top = try TestDirectory()
        try top.makeDirectory("tree")
        try TestDirectory(existing: top.path + "/tree").write("hello\n", to: "file")
    }

    private var export: [String] { ["--export", "share=\(top.path)/tree"] }

    /// Where it says that it serves; one of several begins so. Each has a line of its own, the first of which is
    /// not yet this one.
    private func place(_ server: ServerProcess, _ beginning: String = "tcp:") throws -> TCPPlace {
        try server.waitUntilServing()
        let words = { server.printed.split { $0 == " " || $0 == "\n" } }
        try eventually("a line with \(beginning)") {
            server.printed.hasSuffix("\n") && words().contains { $0.hasPrefix(beginning) }
        }
        let word = try #require(words().first { $0.hasPrefix(beginning) }, "\(server.printed)")
        let address = try #require(TCPAddress(String(word.dropFirst(4)), standardPort: 1))
        return try #require(try TCPPlace.all(of: address).first)
    }

    private func read(_ client: RawClient) throws {
        try client.must(.version(maximumMessageSize: 8192, version: "9P2000.L"))
        try client.must(.attach(fid: 0, authFid: .none, user: "", tree: "share", userNumber: getuid()))
        try client.open("file", as: 1)
        #expect(try client.read(1) == "hello\n")
    }

    // MARK: TCP

    @Test(
        "TCP: IPv4 and IPv6 are served, nothing is held back, keepalive is on, and a signal hangs up",
        arguments: ["127.0.0.1", "[::1]"])
    func tcp(host: String) throws {
        defer { top.remove() }
        let server = try ServerProcess(export + ["--listen", "tcp:\(host):0", "--squash", "all"])
        let place = try place(server)
        #expect(server.printed == "serving share=\(top.path)/tree on tcp:\(place)\n" && place.isLoopback)
        let socket = try place.connected(within: HangGuard.limit)
        #expect(option(socket.rawDescriptor, IPPROTO_TCP, TCP_NODELAY) == 1)
        #expect(option(socket.rawDescriptor, SOL_SOCKET, SO_KEEPALIVE) == 1)
        let client = RawClient(over: ByteStream(over: socket))
        try read(client)
        server.process.signal(SIGTERM)
        #expect(try client.isHungUpOn())
        #expect(try server.waitForEnd() == .exited(0))
    }

    private func option(_ socket: CInt, _ level: some BinaryInteger, _ name: CInt) -> CInt {
        var (value, size) = (CInt(0), socklen_t(4))
        return unsafe getsockopt(socket, CInt(level), name, &value, &size) == 0 ? value : -1
    }

    @Test("a name is served at each of its addresses, beside a unix socket")
    func several() throws {
        defer { top.remove() }
        let unix = top.path + "/socket"
        let server = try ServerProcess(
            export + ["--listen", "tcp:localhost:0", "--listen", "unix:\(unix)", "--squash", "all"])
        try read(RawClient(to: place(server)))
        try eventually("the last line") { server.printed.contains("on unix:\(unix)\n") }
        try read(RawClient(to: unix))
        let address = try #require(TCPAddress("localhost", standardPort: 1))
        let count = try TCPPlace.all(of: address).count
        #expect(server.printed.split(separator: "\n").count { $0.contains(" on tcp:") } == count)
    }

    @Test(
        "what nothing vouches for, or other machines reach, is served only when that is said",
        arguments: [
            (["tcp:127.0.0.1:0"], "nothing says who its clients are; give --squash all"),
            (["tcp:0.0.0.0:0", "--squash", "all"], "other machines reach it"),
            (["tcp:[::]:0", "--trust-clients"], "other machines reach it"),
            (["tcp:no.such.host.invalid:1", "--squash", "all"], "no address is known for 'no.such.host"),
            (["tcp:127.0.0.1:65536", "--squash", "all"], "PORT up to 65535"),
            (["tcp:::1", "--squash", "all"], "an IPv6 number in brackets"),
            (["udp:x"], "give unix:PATH, tcp:HOST:PORT, fd:IN,OUT or systemd"),
            (["fd:77"], "start it with that descriptor open"),
            (["fd:0"], "of a pair that is no socket give both"),
            (["systemd"], "no socket was passed"),
        ])
    func refusals(arguments: [String], text: String) throws {
        defer { top.remove() }
        let unix = "unix:\(top.path)/socket"
        let (code, output) = try run(
            ServerProcess.program,
            export + ["--listen", unix, "--listen"] + arguments + ["--journal", "none"])
        #expect(code == 1)
        #expect(
            output.hasPrefix("9p-server: ") && output.contains(text) && output.count { $0 == "\n" } == 1,
            "\(output)")
        #expect(!top.exists("socket"), "the socket made before it is gone again")
    }

    @Test("--allow-network serves an address that other machines reach; a port in use is refused")
    func network() throws {
        defer { top.remove() }
        let server = try ServerProcess(
            export + ["--listen", "tcp:0.0.0.0:0", "--squash", "all", "--allow-network"])
        let place = try place(server)
        #expect(!place.isLoopback)
        try read(RawClient(to: place))
        let (code, output) = try run(
            ServerProcess.program,
            export + ["--listen", "tcp:\(place)", "--squash", "all", "--allow-network", "--journal", "none"])
        #expect(code == 1 && output.contains("somebody listens there"), "\(output)")
    }

    @Test("a client that nobody can name attaches as nobody, unless all are squashed or trusted")
    func strangers() throws {
        defer { top.remove() }
        let expected: [(Accounts.Squash, Bool, Errno?)] = [
            (.none, false, .notPermitted), (.root, false, .notPermitted), (.all, false, nil),
            (.none, true, nil),
        ]
        let address = try #require(TCPAddress("127.0.0.1:0", standardPort: 1))
        let place = try #require(try TCPPlace.all(of: address).first)
        for (squash, isTrusted, refusal) in expected {
            let bench = try ServerBench(
                .tcp(place), accounts: Accounts(squash: squash), trustsAnyUser: isTrusted)
            let client = try bench.client()
            let attach = Request.attach(
                fid: 0, authFid: .none, user: "", tree: "tree", userNumber: getuid())
            if let refusal { try client.refuses(attach, with: refusal) } else { try client.must(attach) }
        }
    }

    @Test("a client nobody here wrote, over TCP: diod's list and print a directory")
    func diodClients() throws {
        defer { top.remove() }
        let server = try ServerProcess(export + ["--listen", "tcp:127.0.0.1:0", "--trust-clients"])
        let common = ["-s", try place(server).description, "-a", "share"]
        let (code, content) = try run("/usr/sbin/diodcat", common + ["file"])
        #expect(code == 0 && content == "hello\n", "\(content)")
        let (_, listing) = try run("/usr/sbin/diodls", common)
        #expect(listing.split(separator: "\n").contains("file"), "\(listing)")
    }

    // MARK: Descriptors

    @Test("a pair of pipes is one client; when it has hung up the server is done")
    func pipes() throws {
        defer { top.remove() }
        for name in ["in", "out"] { try top.makePipe(name) }
        let server = try ServerProcess(
            export + ["--listen", "fd:3,4"],
            startedBy: shell("exec 3<\(top.path)/in 4>\(top.path)/out"))
        let writing = try open("in", .writeOnly)
        let reading = try open("out", .readOnly)
        let client = RawClient(over: ByteStream(reading: reading, writing: writing))
        try read(client)
        client.close()
        #expect(try server.waitForEnd() == .exited(0))
    }

    @Test("standard input and output carry a client, and nothing else is said there")
    func standardInput() throws {
        defer { top.remove() }
        for name in ["in", "out"] { try top.makePipe(name) }
        let server = try ServerProcess(
            export + ["--listen", "fd:0,1"], startedBy: shell("exec 0<\(top.path)/in 1>\(top.path)/out"))
        let writing = try open("in", .writeOnly)
        let client = RawClient(over: ByteStream(reading: try open("out", .readOnly), writing: writing))
        try read(client)
        #expect(server.printed == "serving share=\(top.path)/tree on fd:0,1\n")
        server.process.signal(SIGUSR1)
        try eventually("the counts, elsewhere") { server.printed.contains("resumed_fids=") }
        server.process.signal(SIGTERM)
        #expect(try server.waitForEnd() == .exited(0))
    }

    private func shell(_ redirections: String) -> [String] {
        ["/bin/bash", "-c", "\(redirections); exec \"$0\" \"$@\""]
    }

    private func open(_ name: String, _ mode: FileDescriptor.AccessMode) throws -> OwnedDescriptor {
        OwnedDescriptor(
            owning: try FileDescriptor.open(
                FilePath("\(top.path)/\(name)"), mode, options: .closeOnExec
            ).rawValue)
    }

    @Test(
        "sockets that systemd passes are served, those of a client too; for another process they are not meant"
    )
    func activated() throws {
        defer { top.remove() }
        // What systemd does between fork and exec.
        let script = """
            import os, socket, sys
            listening = socket.socket(socket.AF_UNIX); listening.bind(sys.argv[1]); listening.listen()
            tcp = socket.create_server(("127.0.0.1", 0))
            os.dup2(listening.fileno(), 13); os.dup2(tcp.fileno(), 14)
            os.dup2(13, 3); os.dup2(14, 4)
            os.environ.update(LISTEN_FDS="2", LISTEN_PID=str(os.getpid() + int(sys.argv[2])))
            os.execv(sys.argv[3], sys.argv[3:])
            """
        let unix = top.path + "/activated"
        let server = try ServerProcess(
            export + ["--listen", "systemd", "--squash", "all"],
            startedBy: ["/usr/bin/python3", "-c", script, unix, "0"])
        try read(RawClient(to: place(server)))
        try read(RawClient(to: unix))
        server.process.signal(SIGTERM)
        #expect(try server.waitForEnd() == .exited(0))
        #expect(top.exists("activated"), "its file is systemd's")
        let other = try ServerProcess(
            export + ["--listen", "systemd", "--squash", "all"],
            startedBy: ["/usr/bin/python3", "-c", script, unix + "2", "1"])
        #expect(try other.waitForEnd() == .exited(1))
        #expect(other.printed.contains("no socket was passed"))
    }
}
