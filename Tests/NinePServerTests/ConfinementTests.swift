import Glibc
import LinuxSystem
import NineP
import NinePServer
import Synchronization
import SystemPackage
import Testing

/// Nothing outside the exported directory is seen, opened, made or changed, whatever names and links say.
@Suite("confinement")
struct ConfinementTests {
    let bench: ServerBench
    let client: RawClient
    var outside: TestDirectory { bench.top }

    init() throws {
        bench = try ServerBench()
        client = try bench.attached()
        try bench.top.write("secret", to: "secret")
        try bench.tree.write("inside", to: "file")
        try bench.tree.makeDirectory("a")
        try bench.tree.makeDirectory("a/b")
    }

    @Test("4.3 (10): .. at the root stays at the root, however often")
    func parentOfRoot() throws {
        let root = try client.attributes(0).qid
        let qids = try client.walk(0, to: 1, "..", "..", "a", "..", "..")
        #expect(qids.map(\.path) == [root.path, root.path, qids[2].path, root.path, root.path])
        try client.open(1)
        let parent = try #require(client.entries(1).first { $0.name == ".." })
        #expect(parent.qid.path == root.path)
    }

    @Test(
        "4.3 (10): names that are no names are refused",
        arguments: [
            ("", Errno.invalidArgument), (".", .invalidArgument), ("/", .invalidArgument),
            ("../secret", .invalidArgument),
            ("a/b", .invalidArgument), ("file\0", .invalidArgument),
            (String(repeating: "n", count: 256), .fileNameTooLong),
        ])
    func badNames(name: String, error: Errno) throws {
        try client.refuses(.walk(0, to: 1, [name]), with: error)
        try client.refuses(.mkdir(0, name), with: error)
        try client.refuses(.symlink(0, name, to: "x"), with: error)
        try client.refuses(.mknod(0, name, 0o010644), with: error)
        try client.refuses(.unlink(0, name), with: error)
        let rename = Request.renameat(
            oldDirectory: 0, oldName: "file", newDirectory: 0, newName: Name(name))
        try client.refuses(rename, with: error)
        try client.walk(0, to: 2)
        try client.refuses(.lcreate(2, name), with: error)
    }

    @Test("4.3 (10): .. is refused wherever a name is made or taken away")
    func parentAsName() throws {
        try client.walk(0, to: 1, "a")
        try client.refuses(.mkdir(1, ".."), with: .invalidArgument)
        try client.refuses(.unlink(1, "..", .removeDirectory), with: .invalidArgument)
        try client.refuses(.lcreate(1, ".."), with: .invalidArgument)
    }

    @Test(
        "4.5 (23): any other bytes are a name",
        arguments: [[0xFF, 0xFE], [10], [32], [46, 46, 46]] as [[UInt8]])
    func oddNames(bytes: [UInt8]) throws {
        let make = Request.mkdir(directory: 0, name: Name(bytes), mode: 0o755, group: getgid())
        try client.must(make)
        try client.must(.walk(fid: 0, newFid: 1, names: [Name(bytes)]))
        try client.walk(0, to: 2)
        try client.open(2)
        #expect(try client.entries(2).contains { $0.name.bytes == bytes })
    }

    @Test("4.5 (1): .. never leads out of a directory that was moved out of the export")
    func movedOut() throws {
        try client.walk(0, to: 1, "a", "b")
        #expect(unsafe rename(bench.tree.path + "/a", outside.path + "/a") == 0)
        try client.refuses(.walk(1, to: 2, [".."]), with: .improperLink)
        #expect(unsafe rename(outside.path + "/a", bench.tree.path + "/file-a") == 0)
        try client.walk(1, to: 2, "..", "..")
        #expect(try client.attributes(2).qid.path == client.attributes(0).qid.path)
    }

    @Test("4.3 (9): a moved directory's fids stay valid, and .. is the new parent")
    func movedInside() throws {
        try client.walk(0, to: 1, "a", "b")
        try client.must(.mkdir(0, "c"))
        try client.walk(0, to: 2, "a")
        try client.walk(0, to: 3, "c")
        try client.must(.renameat(oldDirectory: 2, oldName: "b", newDirectory: 3, newName: "moved"))
        let parent = try client.walk(1, to: 4, "..")
        #expect(parent.first?.path == (try client.attributes(3).qid.path))
    }

    @Test("4.5 (2): a symbolic link is never followed: not on the way, not at the end, not when made over")
    func links() throws {
        try bench.tree.link("way", to: "..")
        try bench.tree.link("end", to: "../secret")
        try bench.tree.link("dangling", to: "../made")
        try client.refuses(.walk(0, to: 9, ["missing"]), with: .noSuchFileOrDirectory)
        try client.walk(0, to: 1, "way")
        try client.refuses(.walk(1, to: 9, ["secret"]), with: .notDirectory)
        try client.refuses(.mkdir(1, "new"), with: .notDirectory)
        try client.refuses(.unlink(1, "secret"), with: .notDirectory)
        try client.walk(0, to: 2, "end")
        try client.refuses(.lopen(fid: 2, flags: .readOnly), with: .tooManySymbolicLinkLevels)
        try client.walk(0, to: 3)
        try client.refuses(.lcreate(3, "dangling"), with: .tooManySymbolicLinkLevels)
        try client.refuses(.lcreate(3, "end", [.readWrite, .truncate]), with: .tooManySymbolicLinkLevels)
        #expect(!outside.exists("made"))
        #expect(try outside.read("secret") == "secret")
    }

    @Test("4.5 (2): attributes set through a link change the link or nothing")
    func attributesOfLinks() throws {
        try bench.tree.link("end", to: "../secret")
        let before = try outside.status("secret")
        try client.walk(0, to: 1, "end")
        try client.refuses(.setattr(1) { ($0.valid, $0.mode) = (.mode, 0o777) }, with: .notSupportedOnSocket)
        try client.refuses(.setattr(1) { ($0.valid, $0.size) = (.size, 0) }, with: .invalidArgument)
        try client.must(.setattr(1) { $0.valid = [.modificationTime, .accessTime] })
        try client.must(.setattr(1) { ($0.valid, $0.group) = (.group, getgid()) })
        try client.must(.xattrcreate(fid: 1, name: "user.x", size: 1, flags: []))
        try client.write(1, "x")
        try client.refuses(.clunk(fid: 1), with: .notPermitted)
        let after = try outside.status("secret")
        #expect(after.mode == before.mode && after.size == before.size && after.changed == before.changed)
    }

    @Test("4.5 (9): a FIFO is walked to, looked at and unlinked, but never opened")
    func pipes() throws {
        try bench.tree.makePipe("pipe")
        try client.walk(0, to: 1, "pipe")
        #expect(try client.attributes(1).mode & 0o170000 == 0o010000)
        for flags in [OpenFlags.readOnly, .writeOnly, .readWrite, [.readOnly, .nonBlocking]] {
            try client.refuses(.lopen(fid: 1, flags: flags), with: .noSuchAddressOrDevice)
        }
        try client.walk(0, to: 2)
        try client.refuses(.lcreate(2, "pipe"), with: .noSuchAddressOrDevice)
        try client.must(.unlink(0, "pipe"))
    }

    @Test("4.5 (4): the export stays what it was when its path is renamed and replaced")
    func replacedRoot() throws {
        #expect(unsafe rename(bench.tree.path, outside.path + "/old") == 0)
        try outside.makeDirectory("tree")
        try client.must(.mkdir(0, "new"))
        #expect(outside.exists("old/new"))
        try client.walk(0, to: 1, "a", "..", "..", "file")
    }

    @Test("4.5 (3): a directory swapped for a link at any moment leads nowhere")
    func swappedDirectory() throws {
        try bench.tree.makeDirectory("swap")
        try bench.tree.write("fine", to: "swap/secret")
        try bench.tree.link("trap", to: "..")
        let (tree, isDone) = (bench.tree.path, Flag())
        let racer = try Thread("racer") {
            while !isDone.isSet {
                _ = unsafe rename(tree + "/swap", tree + "/kept")
                _ = unsafe rename(tree + "/trap", tree + "/swap")
                _ = unsafe rename(tree + "/swap", tree + "/trap")
                _ = unsafe rename(tree + "/kept", tree + "/swap")
            }
        }
        defer {
            isDone.set()
            racer.join()
        }
        for round in 0..<500 {
            if case .walk(let qids) = try client.call(.walk(0, to: 1, ["swap", "secret"])), qids.count == 2 {
                try client.open(1)
                #expect(try client.read(1) == "fine")
                try client.clunk(1)
            }
            if case .walk(let qids) = try client.call(.walk(0, to: 2, ["swap"])), qids.count == 1 {
                _ = try client.call(.lcreate(2, "made-\(round)"))
                try client.clunk(2)
            }
            _ = try client.call(.walk(0, to: 3, ["swap"]))
            _ = try client.call(.mkdir(3, "directory-\(round)"))
            _ = try client.call(.symlink(3, "link-\(round)", to: "x"))
            _ = try client.call(.unlink(3, "secret-\(round)"))
            _ = try client.call(.clunk(fid: 3))
        }
        for round in 0..<500 {
            for name in ["made", "directory", "link"] { #expect(!outside.exists("\(name)-\(round)")) }
        }
        #expect(try outside.read("secret") == "secret")
    }

    @Test("4.5 (1): .. raced by a local mover gives a directory of the export, or nothing")
    func racedParent() throws {
        let (tree, top, isDone) = (bench.tree.path, outside.path, Flag())
        let allowed = Set([
            try client.attributes(0).qid.path, try #require(client.walk(0, to: 8, "a").first).path,
        ])
        try client.walk(0, to: 1, "a", "b")
        let racer = try Thread("racer") {
            while !isDone.isSet {
                _ = unsafe rename(tree + "/a/b", top + "/b")
                _ = unsafe rename(top + "/b", tree + "/b")
                _ = unsafe rename(tree + "/b", tree + "/a/b")
            }
        }
        defer {
            isDone.set()
            racer.join()
        }
        for _ in 0..<2000 {
            guard case .walk(let qids) = try client.call(.walk(1, to: 2, ["..", ".."])), !qids.isEmpty else {
                continue
            }
            #expect(qids.allSatisfy { allowed.contains($0.path) })
            if qids.count == 2 { try client.clunk(2) }
        }
    }
}

/// Something one thread tells another.
final class Flag: Sendable {
    private let value = Atomic(false)
    var isSet: Bool { value.load(ordering: .acquiring) }
    func set() { value.store(true, ordering: .releasing) }
}
