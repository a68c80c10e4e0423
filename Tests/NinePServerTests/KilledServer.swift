import Glibc
import LinuxSystem
import NineP
import SystemPackage
import Testing

/// A server that is killed and started again, and a client that goes on with its session, as a resuming client does.
final class KilledServer {
    /// Whose server it is.
    enum Owner: Sendable, CaseIterable {
        case root
        case ordinaryUser

        static var possible: [Owner] { getuid() == 0 ? allCases : [.ordinaryUser] }
        static var first: Owner { getuid() == 0 ? .root : .ordinaryUser }
        var user: UInt32 { getuid() == 0 && self == .ordinaryUser ? 4242 : getuid() }
    }

    let top: TestDirectory
    let owner: Owner
    private(set) var server: ServerProcess
    private(set) var client: RawClient
    /// Frames sent and not answered, by tag.
    private var outstanding: [(tag: UInt16, frame: [UInt8])] = []

    var tree: TestDirectory { TestDirectory(existing: top.path + "/tree") }

    init(_ owner: Owner, killedAt point: String? = nil, _ options: [String] = []) throws {
        top = try TestDirectory()
        try top.makeDirectory("tree")
        self.owner = owner
        for path in [top.path, top.path + "/tree"] {
            #expect(unsafe chmod(path, 0o755) == 0 && chown(path, owner.user, owner.user) == 0)
        }
        server = try KilledServer.start(top, owner, point, options)
        client = try RawClient(to: top.path + "/socket")
        try client.must(.version(maximumMessageSize: 65536, version: "9P2000.L"))
        try client.attach(0, as: owner.user)
    }

    deinit { top.remove() }

    private static func start(
        _ top: TestDirectory, _ owner: Owner, _ point: String?, _ options: [String]
    ) throws -> ServerProcess {
        var (prefix, program): ([String], String) = ([], ServerProcess.program)
        if getuid() == 0, owner == .ordinaryUser {
            prefix = ["/usr/bin/setpriv", "--reuid", "4242", "--regid", "4242", "--clear-groups"]
            // That user may not be allowed to where this was built.
            program = top.path + "/9p-server"
            if !top.exists("9p-server") {
                try #require(try run("/bin/cp", [ServerProcess.program, program]).code == 0)
            }
        }
        prefix += ["/usr/bin/env"] + (point.map { ["VOP_KILL_AT=\($0)"] } ?? [])
        let server = try ServerProcess(
            [
                "--export", "tree=\(top.path)/tree", "--listen", "unix:\(top.path)/socket", "--journal",
                "\(top.path)/journal",
            ] + options, program: program, startedBy: prefix)
        try server.waitUntilServing()
        return server
    }

    /// Sends a request that is not to be waited for. A server that is dead by now gets none of it: its successor does.
    func send(_ request: Request, tag: UInt16 = 7) throws {
        let frame = request.encoded(tag: NineP.Tag(rawValue: tag))
        outstanding.append((tag, frame))
        do throws(Errno) {
            try client.send(bytes: frame)
        } catch {
            guard error == .brokenPipe || error == .connectionReset else { throw error }
        }
    }

    /// Waits for the kill.
    func awaitDeath() throws { #expect(try server.waitForEnd() == .signalled(SIGKILL)) }

    func kill() throws {
        server.process.signal(SIGKILL)
        try awaitDeath()
    }

    /// Reads what the dead server had answered, starts another, and sends again what it had not.
    ///
    /// - Returns: whether the session goes on.
    func restart(killedAt point: String? = nil, _ options: [String] = []) throws -> [UInt16: Reply] {
        var replies: [UInt16: Reply] = [:]
        while let frame = try client.receiveFrame() {
            let (tag, reply) = try Reply.decode(untrusted: frame)
            replies[tag.rawValue] = reply
        }
        outstanding.removeAll { replies[$0.tag] != nil }
        server = try KilledServer.start(top, owner, point, options)
        client = try RawClient(to: top.path + "/socket")
        let root = try client.call(.getattr(fid: 0, mask: .all), tag: NineP.Tag(rawValue: 900))
        guard case .getattr = root else {
            Issue.record("the session does not go on: \(root); \(server.printed)")
            return replies
        }
        for (_, frame) in outstanding { try client.send(bytes: frame) }
        try client.send(.flush(oldTag: .none), tag: 901)
        while replies[901] == nil || !outstanding.allSatisfy({ replies[$0.tag] != nil }) {
            let (tag, reply) = try client.receive()
            replies[tag.rawValue] = reply
        }
        outstanding = []
        return replies
    }

    /// Another server, which the client does not know of.
    func restartOnly() throws { server = try KilledServer.start(top, owner, nil, []) }

    /// What the server counts, by name.
    func counts() throws -> [String: Int] {
        server.process.signal(SIGUSR1)
        for _ in 0..<1000 {
            if let line = server.printed.split(separator: "\n").last(where: { $0.hasPrefix("resumed_fids=") })
            {
                let pairs = line.split(separator: " ").map { $0.split(separator: "=") }
                return Dictionary(
                    pairs.map { (String($0[0]), Int($0[1]) ?? -1) }, uniquingKeysWith: { first, _ in first })
            }
            usleep(10_000)
        }
        throw Errno.timedOut
    }

    func descriptorCount() throws -> Int {
        try DirectoryPath.names(at: "/proc/\(server.process.identifier)/fd").count
    }

    func hangUp() { client.hangUp() }
}
