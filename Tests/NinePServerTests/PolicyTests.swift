import Glibc
import LinuxSystem
import NineP
import NinePServer
import SystemPackage
import Testing

@Suite("what an export allows, and whom requests act as")
struct PolicyTests {
    @Test("4.5 (26): a read-only export refuses every change with EROFS, and allows locks")
    func readOnly() throws {
        var policy = Export.Policy()
        policy.isReadOnly = true
        let bench = try ServerBench(policy: policy)
        try bench.tree.write("hello", to: "file")
        let client = try bench.attached()
        try client.walk(0, to: 1, "file")
        let requests: [Request] = [
            .lopen(fid: 1, flags: .writeOnly), .lopen(fid: 1, flags: .readWrite),
            .lopen(fid: 1, flags: [.readOnly, .truncate]), .lcreate(0, "new"), .symlink(0, "new", to: "x"),
            .mknod(0, "new", 0o010644), .mkdir(0, "new"), .link(directory: 0, fid: 1, name: "new"),
            .rename(fid: 1, directory: 0, name: "new"),
            .renameat(oldDirectory: 0, oldName: "file", newDirectory: 0, newName: "new"), .unlink(0, "file"),
            .setattr(1) { ($0.valid, $0.mode) = (.mode, 0o777) }, .setattr(1) { $0.valid = .accessTime },
            .xattrcreate(fid: 1, name: "user.x", size: 1, flags: []), .remove(fid: 1),
        ]
        for request in requests { try client.refuses(request, with: .readOnlyFileSystem) }
        try client.open("file", as: 1)
        #expect(try client.read(1) == "hello")
        try client.refuses(.write(fid: 1, offset: 0, data: [1]), with: .badFileDescriptor)
        #expect(try client.call(.lock(1, .write, 0, 0)) == .lock(status: .success))
        #expect(try bench.tree.read("file") == "hello")
    }

    @Test("a name that no user has is refused; a number is taken as it is")
    func userNames() throws {
        let bench = try ServerBench()
        let client = try bench.client()
        try client.refuses(
            .attach(fid: 0, authFid: .none, user: "no such user", tree: "", userNumber: .max),
            with: .noSuchFileOrDirectory)
        let credible = Request.attach(fid: 0, authFid: 3, user: "", tree: "", userNumber: getuid())
        try client.refuses(credible, with: .invalidArgument)
    }

    @Test(
        "4.5 (25): run by root, each request acts as the user who attached",
        .enabled(if: getuid() == 0, "needs root"))
    func users() throws {
        let bench = try ServerBench()
        #expect(unsafe chmod(bench.tree.path, 0o777) == 0)
        try bench.tree.write("mine", to: "private")
        #expect(unsafe chmod(bench.tree.path + "/private", 0o600) == 0)
        let client = try bench.attached()
        try client.attach(10, as: 4242)
        try client.walk(10, to: 11, "private")
        try client.refuses(.lopen(fid: 11, flags: .readOnly), with: .permissionDenied)
        try client.refuses(.setattr(11) { ($0.valid, $0.mode) = (.mode, 0o777) }, with: .notPermitted)
        try client.refuses(.setattr(11) { ($0.valid, $0.user) = (.user, 4242) }, with: .notPermitted)
        try client.walk(10, to: 12)
        try client.must(.lcreate(fid: 12, name: "made", flags: .readWrite, mode: 0o664, group: 0))
        let made = try bench.tree.status("made")
        #expect(made.user == 4242 && made.group != 0 && made.mode == 0o100664)
        // No capability remains: neither trusted attributes nor file capabilities.
        for name: Name in ["trusted.x", "security.capability"] {
            try client.walk(10, to: 13, "made")
            try client.must(.xattrcreate(fid: 13, name: name, size: 20, flags: []))
            try client.write(13, String(repeating: "\u{1}", count: 20))
            guard case .error = try client.call(.clunk(fid: 13)) else {
                Issue.record("\(name) was set by an ordinary user")
                continue
            }
        }
        // Root on the same connection stays root, request by request.
        try client.walk(0, to: 14, "private")
        try client.open(14)
        #expect(try client.read(14) == "mine")
        try client.must(.mkdir(directory: 0, name: "roots", mode: 0o2755, group: 12))
        #expect(try bench.tree.status("roots").group == 12)
    }

    @Test(
        "4.5 (11): a write by somebody else than its owner takes the set-user-ID bit",
        .enabled(if: getuid() == 0, "needs root"))
    func setUserID() throws {
        let bench = try ServerBench()
        try bench.tree.write("program", to: "program")
        #expect(unsafe chmod(bench.tree.path + "/program", 0o4777) == 0)
        let client = try bench.client()
        try client.attach(0, as: 4242)
        try client.open("program", as: 1, .readWrite)
        try client.write(1, "P")
        #expect(try bench.tree.status("program").mode == 0o100777)
    }

    @Test(
        "squashed, root is nobody and a file it makes is nobody's", .enabled(if: getuid() == 0, "needs root"))
    func squash() throws {
        let bench = try ServerBench(squash: .root)
        #expect(unsafe chmod(bench.tree.path, 0o777) == 0)
        let client = try bench.attached()
        try client.walk(0, to: 1)
        try client.must(.lcreate(1, "made"))
        #expect(try bench.tree.status("made").user == 65534)
    }

    @Test(
        "4.5 (5): a mount below the root is entered only where that is allowed",
        .enabled(if: getuid() == 0, "needs root to mount"))
    func mounts() throws {
        for crosses in [false, true] {
            var policy = Export.Policy()
            policy.crossesMounts = crosses
            let bench = try ServerBench(policy: policy)
            try bench.tree.makeDirectory("mount")
            let target = bench.tree.path + "/mount"
            try #require(try run("/bin/mount", ["-t", "tmpfs", "none", target]).code == 0)
            defer { _ = try? run("/bin/umount", [target]) }
            try bench.tree.makeDirectory("mount/inside")
            let client = try bench.attached()
            guard crosses else {
                try client.refuses(.walk(0, to: 1, ["mount"]), with: .improperLink)
                continue
            }
            let qids = try client.walk(0, to: 1, "mount", "inside", "..", "..")
            #expect(qids[3].path == (try client.attributes(0).qid.path))
            #expect(Set(qids.map(\.path)).count == 3)
        }
    }
}
