import Glibc
import LinuxSystem
import NineP
import SystemPackage
import Testing

/// A request that must be carried out once: how it is prepared, what it is, and how its effect looks.
struct OnceCase: Sendable, CustomTestStringConvertible {
    let name: String
    let request: Request
    var prepare: @Sendable (KilledServer) throws -> Void = { _ in }
    /// `nil` when it was carried out exactly once.
    let flaw: @Sendable (KilledServer) throws -> String?

    var testDescription: String { name }

    /// An attach names whom it is for.
    func request(by owner: KilledServer.Owner) -> Request {
        guard case .attach(let fid, _, let user, let tree, _) = request else { return request }
        return .attach(fid: fid, authFid: .none, user: user, tree: tree, userNumber: owner.user)
    }

    /// Fid 1 is the root's clone, fid 2 the file `old` (content "one", mode 0644), fid 3 `old` open for appending,
    /// fid 4 is free.
    static let all: [OnceCase] = [
        OnceCase(name: "mkdir", request: .mkdir(1, "new")) { try $0.kindFlaw("new", .directory) },
        OnceCase(name: "symlink", request: .symlink(1, "new", to: "else")) {
            try $0.kindFlaw("new", .symbolicLink)
        },
        OnceCase(name: "mknod", request: .mknod(1, "new", 0o010644)) { try $0.kindFlaw("new", .special) },
        OnceCase(name: "lcreate", request: .lcreate(1, "new", [.readWrite, .exclusive])) {
            try $0.client.write(1, "made")
            return try $0.tree.read("new") == "made" ? nil : "the new fid does not write"
        },
        OnceCase(
            name: "lcreate that shuts its owner out",
            request: .lcreate(
                fid: 1, name: "new", flags: [.readWrite, .exclusive], mode: 0o444, group: getgid())
        ) {
            try $0.client.write(1, "made")
            let mode = try $0.tree.status("new").mode & 0o777
            return try $0.tree.read("new") == "made" && mode == 0o444 ? nil : "mode \(String(mode, radix: 8))"
        },
        OnceCase(name: "link", request: .link(directory: 1, fid: 2, name: "new")) {
            try $0.tree.status("new").linkCount == 2 ? nil : "links"
        },
        OnceCase(name: "rename", request: .rename(fid: 2, directory: 1, name: "new")) { try $0.renameFlaw() },
        OnceCase(
            name: "renameat",
            request: .renameat(oldDirectory: 1, oldName: "old", newDirectory: 1, newName: "new")
        ) { try $0.renameFlaw() },
        OnceCase(name: "unlinkat", request: .unlink(1, "old")) {
            $0.tree.exists("old") ? "still there" : nil
        },
        OnceCase(name: "remove", request: .remove(fid: 2)) {
            try $0.client.refuses(.getattr(fid: 2, mask: .all), with: .badFileDescriptor)
            return $0.tree.exists("old") ? "still there" : nil
        },
        OnceCase(name: "append", request: .write(fid: 3, offset: 0, data: Array("two".utf8)[...])) {
            let text = try $0.tree.read("old")
            return text == "onetwo" ? nil : text
        },
        OnceCase(name: "setattr size", request: .setattr(2) { ($0.valid, $0.size) = (.size, 1) }) {
            try $0.tree.status("old").size == 1 ? nil : "size"
        },
        OnceCase(
            name: "clunk of an attribute", request: .clunk(fid: 4),
            prepare: {
                try $0.client.walk(2, to: 4)
                try $0.client.must(.xattrcreate(fid: 4, name: "user.x", size: 3, flags: .create))
                try $0.client.write(4, "val")
            }
        ) {
            try $0.client.must(.xattrwalk(fid: 2, newFid: 5, name: "user.x"))
            return try $0.client.read(5) == "val" ? nil : "value"
        },
        OnceCase(name: "walk", request: .walk(0, to: 4, ["old"])) {
            try $0.client.attributes(4).size == 3 ? nil : "size"
        },
        OnceCase(
            name: "attach", request: .attach(fid: 4, authFid: .none, user: "", tree: "tree", userNumber: 0)
        ) {
            try $0.client.attributes(4).qid == $0.client.attributes(0).qid ? nil : "another root"
        },
        OnceCase(name: "lopen", request: .lopen(fid: 2, flags: .readOnly)) {
            try $0.client.read(2) == "one" ? nil : "content"
        },
        OnceCase(name: "clunk", request: .clunk(fid: 3)) {
            try $0.client.refuses(.getattr(fid: 3, mask: .all), with: .badFileDescriptor)
            return nil
        },
        OnceCase(name: "lock", request: .lock(3, .write, 0, 10)) {
            try $0.client.walk(0, to: 4, "old")
            try $0.client.open(4, .readWrite)
            let other = try $0.client.call(.lock(4, .write, 0, 5, process: 2))
            return other == .lock(status: .blocked) ? nil : "\(other)"
        },
    ]
}

extension KilledServer {
    fileprivate func kindFlaw(_ name: String, _ kind: FileStatus.Kind) throws -> String? {
        try tree.status(name).kind == kind ? nil : "another kind"
    }

    fileprivate func renameFlaw() throws -> String? {
        guard try tree.read("new") == "one", !tree.exists("old") else { return "not renamed" }
        return try client.attributes(2).size == 3 ? nil : "the fid names another file"
    }

    func prepareFids() throws {
        try tree.write("one", to: "old")
        #expect(unsafe chown(tree.path + "/old", owner.user, owner.user) == 0)
        try client.walk(0, to: 1)
        try client.walk(0, to: 2, "old")
        try client.open("old", as: 3, [.writeOnly, .append])
    }
}

@Suite("a server that is killed, and the one after it")
struct SurvivalTests {
    /// Where, and for the how manieth time: the two requests that resume a session are answered before.
    static let points = [
        "in-journal-record:1", "after-intent:1", "in-journal-record:2", "after-side-effect:1",
        "after-journal:1", "before-answer:3", "after-answer:3",
    ]
    /// What a request passes that has no effect to intend.
    static let plainPoints = ["in-journal-record:1", "after-journal:1", "before-answer:3", "after-answer:3"]

    @Test(
        "a request is carried out once and answered with success, wherever the server is killed",
        arguments: OnceCase.all, KilledServer.Owner.possible)
    func once(_ item: OnceCase, _ owner: KilledServer.Owner) throws {
        let isPlain = ["walk", "attach", "lopen", "clunk", "lock"].contains(item.name)
        for point in isPlain ? SurvivalTests.plainPoints : SurvivalTests.points {
            let killed = try KilledServer(owner)
            try killed.prepareFids()
            try item.prepare(killed)
            // The same session in a server that is to die at its next request.
            try killed.kill()
            if point.hasPrefix("in-journal") {
                // What was answered last may not have been forgotten: that would be the first record.
                _ = try killed.restart()
                try killed.kill()
            }
            _ = try killed.restart(killedAt: point)
            try killed.send(item.request(by: owner))
            try killed.awaitDeath()
            let reply = try #require(try killed.restart()[7])
            if case .error(let code) = reply {
                Issue.record(
                    "\(item.name) at \(point): \(Errno(rawValue: CInt(code))); \(killed.server.printed)")
                continue
            }
            let flaw = try item.flaw(killed)
            #expect(flaw == nil, "\(item.name) at \(point)")
        }
    }
}
