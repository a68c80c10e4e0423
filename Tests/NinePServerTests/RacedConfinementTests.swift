import Glibc
import LinuxSystem
import NineP
import NinePServer
import SystemPackage
import TestSupport
import Testing

/// What a client asks of a name while a local program exchanges it, as fast as it can, for a link that leads out.
@Suite("confinement, raced")
struct RacedConfinementTests {
    let bench: ServerBench
    let client: RawClient
    var outside: TestDirectory { bench.top }

    init() throws {
        bench = try ServerBench()
        client = try bench.attached()
        try bench.top.makeDirectory("beside")
        for place in ["beside", "tree/swap"] { try bench.top.makeDirectoryIfMissing(place) }
        try bench.top.write("secret", to: "beside/file")
        try bench.tree.write("fine", to: "swap/file")
        try bench.tree.write("fine", to: "other")
        try bench.tree.link("trap", to: "../beside")
    }

    /// Puts the link in the directory's place and back until it is stopped.
    private func racer() throws -> Meddler {
        let tree = bench.tree.path
        return try Meddler { _ in
            _ = unsafe rename(tree + "/swap", tree + "/kept")
            _ = unsafe rename(tree + "/trap", tree + "/swap")
            _ = unsafe rename(tree + "/swap", tree + "/trap")
            _ = unsafe rename(tree + "/kept", tree + "/swap")
        }
    }

    private struct Snapshot: Equatable {
        let names: [String]
        let content: String
        let mode: UInt32
        let links: UInt32
        let changed: FileStatus.Time
    }

    private func snapshot() throws -> Snapshot {
        let status = try outside.status("beside/file")
        return Snapshot(
            names: try run("/bin/ls", ["-A", outside.path + "/beside"]).output.split(separator: "\n").map(
                String.init),
            content: try outside.read("beside/file"), mode: status.mode, links: status.linkCount,
            changed: status.changed)
    }

    @Test(
        "4.5 (1–3): nothing beside the export is seen or changed by any message",
        arguments: [
            "mknod", "link", "rename", "renameat", "setattr", "xattr", "statfs and readdir", "remove",
        ])
    func anyMessage(kind: String) throws {
        let before = try snapshot()
        let racer = try racer()
        defer { racer.stop() }
        var met: Set<Bool> = []
        for round in 0..<400 {
            // The directory or the link, whichever is there now.
            guard case .walk(let qids) = try client.call(.walk(0, to: 1, ["swap"])), qids.count == 1 else {
                continue
            }
            let isDirectory = qids[0].kind == .directory
            met.insert(isDirectory)
            for request in requests(kind, round) { _ = try client.call(request) }
            if kind == "statfs and readdir",
                try client.call(.lopen(fid: 1, flags: [.readOnly, .directory])) != .error(code: 40)
            {
                for entry in try client.entries(1) where entry.name == "file" {
                    #expect(entry.qid.path != UInt64(try outside.status("beside/file").inode))
                }
            }
            for fid in [1, 2, 3] as [Fid] { _ = try client.call(.clunk(fid: fid)) }
        }
        racer.stop()
        #expect(met == [true, false], "nobody raced")
        #expect(try snapshot() == before)
    }

    private func requests(_ kind: String, _ round: Int) -> [Request] {
        let file = Request.walk(0, to: 2, ["swap", "file"])
        let (other, name) = (Request.walk(0, to: 3, ["other"]), "made-\(round)")
        return switch kind {
        case "mknod": [.mknod(1, name, 0o010644)]
        case "link":
            [
                file, .link(directory: 1, fid: 2, name: Name(name)), other,
                .link(directory: 1, fid: 3, name: Name(name)),
            ]
        case "rename":
            [
                other, .rename(fid: 3, directory: 1, name: Name(name)),
                .rename(fid: 3, directory: 0, name: "other"),
            ]
        case "renameat":
            [
                .renameat(oldDirectory: 0, oldName: "other", newDirectory: 1, newName: "file"),
                .renameat(oldDirectory: 1, oldName: "file", newDirectory: 0, newName: "other"),
            ]
        case "setattr":
            [
                file, .setattr(2) { ($0.valid, $0.mode) = (.mode, 0o600 | UInt32(round & 7)) },
                .setattr(2) { ($0.valid, $0.size) = (.size, 1) },
                .setattr(1) { $0.valid = .modificationTime },
            ]
        case "xattr":
            [
                file, .xattrcreate(fid: 2, name: "user.x", size: 1, flags: []),
                .write(fid: 2, offset: 0, data: [1]),
            ]
        case "remove": [.unlink(1, "file"), .unlink(1, name), file, .remove(fid: 2)]
        default: [.statfs(fid: 1), .getattr(fid: 1, mask: .all), .readlink(fid: 1)]
        }
    }

    @Test("4.5 (7): a file moved out of the export is read on through its fid, and found by no walk")
    func fileMovedOut() throws {
        try client.open("other", as: 1)
        #expect(unsafe rename(bench.tree.path + "/other", outside.path + "/gone") == 0)
        #expect(try client.read(1) == "fine")
        try client.refuses(.walk(0, to: 2, ["other"]), with: .noSuchFileOrDirectory)
        try client.refuses(.remove(fid: 1), with: .noSuchFileOrDirectory)
        #expect(outside.exists("gone"))
    }

    @Test("4.5 (15): while ancestors are renamed, a deep walk gives the files it names, or ends early")
    func ancestors() throws {
        let names = (0..<16).map { "d\($0)" }
        try bench.tree.makeDirectory("d0")
        for depth in 1..<16 { try bench.tree.makeDirectory(names[...depth].joined(separator: "/")) }
        guard case .walk(let expected) = try client.must(.walk(0, to: 1, names)) else { return }
        try client.clunk(1)
        let tree = bench.tree.path
        let racer = try Meddler { step in
            let top = names[..<(1 + step % 8)].joined(separator: "/")
            _ = unsafe rename("\(tree)/\(top)", "\(tree)/\(top)-away")
            _ = unsafe rename("\(tree)/\(top)-away", "\(tree)/\(top)")
        }
        defer { racer.stop() }
        for _ in 0..<1000 {
            switch try client.call(.walk(0, to: 1, names)) {
            case .walk(let qids):
                #expect(qids.map(\.path) == expected.prefix(qids.count).map(\.path))
                if qids.count == 16 { try client.clunk(1) }
            case let other: #expect(other == .error(code: UInt32(Errno.noSuchFileOrDirectory.rawValue)))
            }
        }
    }

    @Test(
        "4.5 (9): sockets and devices are looked at and removed, but never opened",
        .enabled(if: getuid() == 0, "needs root"))
    func specialFiles() throws {
        for (name, mode) in [("socket", S_IFSOCK), ("character", S_IFCHR), ("block", S_IFBLK)] {
            try #require(
                unsafe mknod(bench.tree.path + "/" + name, mode | 0o666, mode == S_IFSOCK ? 0 : 0x0103) == 0)
            try client.walk(0, to: 1, name)
            #expect(try client.attributes(1).mode & 0o170000 == mode)
            for flags in [OpenFlags.readOnly, .writeOnly, [.readWrite, .nonBlocking]] {
                try client.refuses(.lopen(fid: 1, flags: flags), with: .noSuchAddressOrDevice)
            }
            try client.must(.unlink(0, name))
            try client.clunk(1)
        }
    }
}

extension TestDirectory {
    fileprivate func makeDirectoryIfMissing(_ name: String) throws {
        if !exists(name) { try makeDirectory(name) }
    }
}
