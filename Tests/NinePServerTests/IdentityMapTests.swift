import Glibc
import LinuxSystem
import NineP
import NinePServer
import SystemPackage
import Testing

@Suite("whose numbers are whose: maps, squash, and who is nobody")
struct IdentityMapTests {
    private func range(_ client: UInt32, _ server: UInt32, _ count: UInt32) throws -> IdentityMap.Range {
        try #require(IdentityMap.Range(client: client, server: server, count: count))
    }

    private func bench(_ map: IdentityMap?, squash: Accounts.Squash = .none) throws -> ServerBench {
        let bench = try ServerBench(nil, accounts: Accounts(squash: squash, map: #require(map)))
        #expect(unsafe chmod(bench.tree.path, 0o777) == 0)
        return bench
    }

    private func make(_ name: String, _ bench: ServerBench, user: UInt32, group: UInt32) throws {
        try bench.tree.write(name, to: name)
        try #require(unsafe chown("\(bench.tree.path)/\(name)", user, group) == 0)
    }

    @Test("no two ranges of a kind overlap, on either side; none reaches past the last number")
    func form() throws {
        let first = try range(0, 1000, 10)
        for other in [try range(9, 5000, 1), try range(100, 1009, 1), try range(0, 0, 2000)] {
            #expect(IdentityMap(users: [first, other], groups: []) == nil)
            #expect(IdentityMap(users: [], groups: [first, other]) == nil)
            #expect(IdentityMap(users: [first], groups: [other]) != nil)
        }
        #expect(IdentityMap(users: [first, try range(10, 1010, 5)], groups: []) != nil)
        #expect(IdentityMap.Range(client: 1, server: .max, count: 1) == nil)
        #expect(IdentityMap.Range(client: .max - 1, server: 0, count: 2) == nil)
        #expect(IdentityMap.Range(client: 0, server: 0, count: 0) == nil)
    }

    @Test(
        "4.3 (16): owners are mapped both ways; who has no number is nobody, and nothing is given to them",
        .enabled(if: getuid() == 0, "needs root"))
    func owners() throws {
        let ranges = [try range(0, 0, 1), try range(1000, 5000, 100)]
        let bench = try bench(IdentityMap(users: ranges, groups: ranges))
        try make("mapped", bench, user: 5007, group: 5008)
        try make("stranger", bench, user: 1000, group: 4999)
        let client = try bench.attached()
        try client.walk(0, to: 1, "mapped")
        var seen = try client.attributes(1)
        #expect(seen.user == 1007 && seen.group == 1008)
        try client.walk(0, to: 2, "stranger")
        seen = try client.attributes(2)
        #expect(seen.user == 65534 && seen.group == 65534)
        try client.must(
            .setattr(1) { ($0.valid, $0.user, $0.group) = ([.user, .group], 1099, 1000) })
        #expect(try bench.tree.status("mapped").user == 5099)
        #expect(try bench.tree.status("mapped").group == 5000)
        for number: UInt32 in [999, 1100, 5007, 65534, .max] {
            try client.refuses(.setattr(1) { ($0.valid, $0.user) = (.user, number) }, with: .invalidArgument)
            try client.refuses(
                .setattr(1) { ($0.valid, $0.group) = (.group, number) }, with: .invalidArgument)
        }
        #expect(try bench.tree.status("mapped").user == 5099)
    }

    @Test(
        "requests act as the mapped user: what that one may not, the client's may not",
        .enabled(if: getuid() == 0, "needs root"))
    func access() throws {
        let ranges = [try range(1000, 5000, 100)]
        let bench = try bench(IdentityMap(users: ranges, groups: ranges))
        try make("own", bench, user: 5001, group: 5001)
        try make("others", bench, user: 1001, group: 1001)
        for name in ["own", "others"] { #expect(unsafe chmod("\(bench.tree.path)/\(name)", 0o600) == 0) }
        let client = try bench.client()
        for number: UInt32 in [0, 999, 1100, 5001] {
            try client.refuses(
                .attach(fid: 0, authFid: .none, user: "", tree: "tree", userNumber: number),
                with: .notPermitted)
        }
        try client.attach(0, as: 1001)
        try client.open("own", as: 1)
        #expect(try client.read(1) == "own")
        try client.walk(0, to: 2, "others")
        try client.refuses(.lopen(fid: 2, flags: .readOnly), with: .permissionDenied)
        // New files are that user's; a group without a number here is not asked for.
        for (name, group) in [("a", UInt32(1001)), ("b", 77)] {
            try client.walk(0, to: 3)
            try client.must(
                .lcreate(fid: 3, name: Name(name), flags: .readWrite, mode: 0o644, group: group))
            #expect(try client.attributes(3).user == 1001)
            try client.clunk(3)
            #expect(try bench.tree.status(name).user == 5001)
        }
        // A user named, not numbered, is one of this system's.
        try client.must(.attach(fid: 9, authFid: .none, user: "root", tree: "tree", userNumber: .max))
    }

    @Test("the client's root may be anybody here", .enabled(if: getuid() == 0, "needs root"))
    func rootIsAnother() throws {
        let bench = try bench(IdentityMap(users: [try range(0, 5000, 1)], groups: []), squash: .none)
        let client = try bench.attached()
        try client.walk(0, to: 1)
        try client.must(.lcreate(1, "made"))
        #expect(try bench.tree.status("made").user == 5000)
        #expect(try client.attributes(1).user == 0)
    }

    @Test(
        "squashed are the client's root, and whoever is mapped to this system's",
        .enabled(if: getuid() == 0, "needs root"))
    func squash() throws {
        let ranges = [try range(0, 5000, 10), try range(1000, 0, 10)]
        let bench = try bench(IdentityMap(users: ranges, groups: ranges), squash: .root)
        let client = try bench.client()
        for (fid, user, owner) in [(UInt32(0), UInt32(0), UInt32(65534)), (1, 1000, 65534), (2, 1, 5001)] {
            try client.attach(fid, as: user)
            try client.must(
                .lcreate(fid: fid.fid, name: Name("by\(user)"), flags: .readWrite, mode: 0o644, group: 0))
            #expect(try bench.tree.status("by\(user)").user == owner)
        }
    }

    @Test(
        "a squash group stands in for every group of the squash user",
        .enabled(if: getuid() == 0, "needs root"))
    func squashGroup() throws {
        let bench = try ServerBench(
            nil, accounts: Accounts(squash: .all, squashUser: 5000, squashGroup: 5001))
        #expect(unsafe chmod(bench.tree.path, 0o777) == 0)
        let client = try bench.attached()
        try client.must(.lcreate(fid: 0, name: "made", flags: .readWrite, mode: 0o644, group: 0))
        let status = try bench.tree.status("made")
        #expect(status.user == 5000 && status.group == 5001)
    }

    @Test("an access list's users and groups are mapped both ways", .enabled(if: getuid() == 0, "needs root"))
    func accessLists() throws {
        let ranges = [try range(0, 0, 1), try range(1000, 5000, 100)]
        let bench = try bench(IdentityMap(users: ranges, groups: ranges))
        try make("file", bench, user: 0, group: 0)
        let client = try bench.attached()
        try client.walk(0, to: 1, "file")
        try set(accessList(user: 1001, group: 1002), of: 1, client)
        let kept = try run(
            "/usr/bin/getfattr",
            [
                "--absolute-names", "-e", "hex", "-n", "system.posix_acl_access",
                "\(bench.tree.path)/file",
            ]
        ).output
        // 5001 and 5002
        #expect(kept.contains("89130000") && kept.contains("8a130000"), "\(kept)")
        guard
            case .xattrwalk(let size) = try client.must(
                .xattrwalk(fid: 1, newFid: 5, name: "system.posix_acl_access"))
        else { return }
        guard case .read(let seen) = try client.must(.read(fid: 5, offset: 0, count: UInt32(size))) else {
            return
        }
        #expect(Array(seen) == accessList(user: 1001, group: 1002))
        // Named to nobody, it is not applied.
        try client.walk(0, to: 6, "file")
        try begin(accessList(user: 2000, group: 1002), of: 6, client)
        try client.refuses(.clunk(fid: 6), with: .invalidArgument)
    }

    private func begin(_ value: [UInt8], of fid: UInt32, _ client: RawClient) throws {
        try client.must(
            .xattrcreate(
                fid: fid.fid, name: "system.posix_acl_access", size: UInt64(value.count), flags: []))
        try client.must(.write(fid: fid.fid, offset: 0, data: value[...]))
    }

    private func set(_ value: [UInt8], of fid: UInt32, _ client: RawClient) throws {
        try client.walk(fid, to: 4)
        try begin(value, of: 4, client)
        try client.clunk(4)
    }

    /// Owner, one user, group, one group, mask, others.
    private func accessList(user: UInt32, group: UInt32) -> [UInt8] {
        let entries: [(tag: UInt8, rights: UInt8, number: UInt32)] = [
            (0x01, 6, .max), (0x02, 4, user), (0x04, 4, .max), (0x08, 4, group), (0x10, 4, .max),
            (0x20, 4, .max),
        ]
        return [2, 0, 0, 0]
            + entries.flatMap { entry in
                [entry.tag, 0, entry.rights, 0]
                    + (0..<4).map { UInt8(truncatingIfNeeded: entry.number >> (8 * $0)) }
            }
    }
}

@Suite("the command 9p-server, with maps")
struct IdentityMapCommandTests {
    @Test(
        "an --idmap that is none, or overlaps, is refused in one line",
        arguments: [
            (["--idmap", "0:1"], "give CLIENT:SERVER:COUNT"), (["--idmap", "x:0:0:1"], "with u: or g:"),
            (["--idmap", "0:0:0"], "a count from 1"),
            (["--idmap", "u:0:1000:10", "--idmap", "b:9:1:1"], "two ranges overlap"),
        ])
    func refusals(arguments: [String], text: String) throws {
        let (code, output) = try run(
            ServerProcess.program,
            ["--export", "/tmp", "--listen", "unix:/tmp/no/socket", "--journal", "none"] + arguments)
        #expect(code == 1 && output.contains(text) && output.count { $0 == "\n" } == 1, "\(output)")
    }

    @Test("an ordinary user's own server shows that user's files as the client's root's")
    func ordinaryUser() throws {
        let top = try TestDirectory()
        defer { top.remove() }
        try top.makeDirectory("tree")
        try TestDirectory(existing: top.path + "/tree").write("hello", to: "file")
        let (user, group) = (geteuid(), getegid())
        let server = try ServerProcess([
            "--export", "share=\(top.path)/tree", "--listen", "unix:\(top.path)/socket", "--idmap",
            "u:1234:\(user):1", "--idmap", "g:1235:\(group):1",
        ])
        try server.waitUntilServing()
        let client = try RawClient(to: top.path + "/socket")
        try client.must(.version(maximumMessageSize: 8192, version: "9P2000.L"))
        try client.must(.attach(fid: 0, authFid: .none, user: "", tree: "share", userNumber: 1234))
        try client.walk(0, to: 1, "file")
        let seen = try client.attributes(1)
        #expect(seen.user == 1234 && seen.group == 1235)
    }
}
