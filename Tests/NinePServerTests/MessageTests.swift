import Glibc
import LinuxSystem
import NineP
import NinePServer
import SystemPackage
import Testing

/// Each message of 9P2000.L once as it succeeds and once as it is refused.
@Suite("every message succeeds once and is refused once")
struct MessageTests {
    let bench: ServerBench
    let client: RawClient

    init() throws {
        bench = try ServerBench()
        client = try bench.attached()
        try bench.tree.write("hello", to: "file")
        try bench.tree.makeDirectory("directory")
        try bench.tree.link("link", to: "/absolute/../target")
    }

    @Test("Tversion: an unknown version is answered unknown, too small an msize refused")
    func version() throws {
        let other = try bench.client(messageSize: 8191)
        let unknown = try other.call(.version(maximumMessageSize: 8192, version: "9P2000.u"), tag: .none)
        #expect(unknown == .version(maximumMessageSize: 8192, version: "unknown"))
        try other.refuses(.version(maximumMessageSize: 4095, version: "9P2000.L"), with: .invalidArgument)
        let offered = try other.call(.version(maximumMessageSize: .max, version: "9P2000.L"), tag: .none)
        #expect(offered == .version(maximumMessageSize: 1 << 20, version: "9P2000.L"))
    }

    @Test("Tauth: no proof is needed, which only its refusal can say")
    func auth() throws {
        let request = Request.auth(authFid: 1, user: "", tree: "tree", userNumber: getuid())
        try client.refuses(request, with: .noSuchFileOrDirectory)
    }

    @Test("Tattach")
    func attach() throws {
        try client.attach(1)
        let again = Request.attach(fid: 1, authFid: .none, user: "", tree: "tree", userNumber: getuid())
        try client.refuses(again, with: .badFileDescriptor)
        for name: Name in ["/tree", "tree/", "tree2", "tre", "..", "//", "./tree"] {
            let request = Request.attach(fid: 2, authFid: .none, user: "", tree: name, userNumber: getuid())
            try client.refuses(request, with: .noSuchFileOrDirectory)
        }
        try client.must(.attach(fid: 2, authFid: .none, user: "", tree: "", userNumber: getuid()))
    }

    @Test("Tflush: of a tag nobody uses it is answered at once, and it never fails")
    func flush() throws {
        #expect(try client.call(.flush(oldTag: NineP.Tag(rawValue: 99))) == .flush)
        #expect(try client.call(.flush(oldTag: NineP.Tag(rawValue: 7))) == .flush)
    }

    @Test("Twalk")
    func walk() throws {
        let qids = try client.walk(0, to: 1, "directory", "..", "file")
        #expect(qids[0].kind == .directory)
        #expect(qids[2].path == (try client.attributes(1).qid.path))
        try client.refuses(.walk(0, to: 2, ["missing"]), with: .noSuchFileOrDirectory)
        try client.refuses(.walk(1, to: 2, ["below"]), with: .notDirectory)
        try client.refuses(.walk(0, to: 1, ["file"]), with: .badFileDescriptor)
        try client.refuses(.walk(9, to: 2, []), with: .badFileDescriptor)
    }

    @Test("Twalk: a later name's failure shows in the count, and newfid stays unused")
    func shortWalk() throws {
        let qids = try client.walk(0, to: 2, "directory")
        let short = try client.call(.walk(0, to: 1, ["directory", "missing"]))
        #expect(short == .walk(qids: qids))
        try client.walk(0, to: 1)
    }

    @Test("Tlopen")
    func open() throws {
        try client.walk(0, to: 1, "file")
        try client.open(1)
        try client.refuses(.lopen(fid: 1, flags: .readOnly), with: .badFileDescriptor)
        try client.walk(0, to: 2, "directory")
        try client.refuses(.lopen(fid: 2, flags: .readWrite), with: .isDirectory)
        try client.refuses(
            .lopen(fid: 2, flags: OpenFlags(rawValue: 0o20200000)), with: .notSupportedOnSocket)
        try client.walk(0, to: 3, "link")
        try client.refuses(.lopen(fid: 3, flags: .readOnly), with: .tooManySymbolicLinkLevels)
    }

    @Test("Tlcreate: the directory's fid becomes the new open file")
    func create() throws {
        try client.walk(0, to: 1)
        try client.must(.lcreate(1, "new"))
        try client.write(1, "content")
        #expect(try bench.tree.read("new") == "content")
        #expect(try bench.tree.status("new").mode == 0o100644)
        try client.walk(0, to: 2)
        try client.refuses(.lcreate(2, "new", [.readWrite, .exclusive]), with: .fileExists)
        try client.refuses(.lcreate(1, "other"), with: .badFileDescriptor)
        try client.walk(0, to: 3, "file")
        try client.refuses(.lcreate(3, "other"), with: .notDirectory)
    }

    @Test("Tread")
    func read() throws {
        try client.open("file", as: 1)
        #expect(try client.read(1, at: 1, count: 3) == "ell")
        #expect(try client.read(1, at: 5) == "")
        #expect(try client.read(1, at: 1 << 40) == "")
        try client.refuses(.read(fid: 1, offset: 1 << 63, count: 1), with: .invalidArgument)
        try client.refuses(.read(fid: 0, offset: 0, count: 1), with: .badFileDescriptor)
        try client.open("directory", as: 2)
        try client.refuses(.read(fid: 2, offset: 0, count: 1), with: .isDirectory)
    }

    @Test("Twrite")
    func write() throws {
        try client.open("file", as: 1, .readWrite)
        try client.write(1, "J")
        try client.write(1, "!", at: 5)
        #expect(try bench.tree.read("file") == "Jello!")
        try client.open("file", as: 2)
        try client.refuses(.write(fid: 2, offset: 0, data: [1]), with: .badFileDescriptor)
        try client.refuses(.write(fid: 1, offset: .max, data: [1]), with: .invalidArgument)
    }

    @Test("Treaddir: in pieces, whole entries only, the dots among them")
    func readdir() throws {
        for number in 0..<50 { try bench.tree.write("", to: "directory/entry-\(number)") }
        try client.open("directory", as: 1)
        let names = try client.entries(1, count: 200).map(\.name.description)
        #expect(Set(names) == Set((0..<50).map { "entry-\($0)" } + [".", ".."]))
        #expect(names.count == 52)
        try client.refuses(.readdir(fid: 1, offset: 0, count: 24), with: .invalidArgument)
        try client.open("file", as: 2)
        try client.refuses(.readdir(fid: 2, offset: 0, count: 4096), with: .notDirectory)
        try client.refuses(.readdir(fid: 0, offset: 0, count: 4096), with: .badFileDescriptor)
    }

    @Test("Tfsync: with and without the field old clients omit, of files and directories")
    func fsync() throws {
        try client.open("file", as: 1, .readWrite)
        try client.must(.fsync(fid: 1, dataOnly: true))
        try client.send(bytes: [11, 0, 0, 0, 50, 3, 0, 1, 0, 0, 0])
        #expect(try client.receive().reply == .fsync)
        try client.open("directory", as: 2)
        try client.must(.fsync(fid: 2, dataOnly: false))
        try client.refuses(.fsync(fid: 0, dataOnly: false), with: .badFileDescriptor)
    }

    @Test("Tclunk")
    func clunk() throws {
        try client.walk(0, to: 1)
        try client.clunk(1)
        try client.refuses(.clunk(fid: 1), with: .badFileDescriptor)
    }

    @Test("Tremove: the fid goes even when the file stays")
    func remove() throws {
        try client.walk(0, to: 1, "file")
        try client.must(.remove(fid: 1))
        #expect(!bench.tree.exists("file"))
        try bench.tree.write("", to: "directory/inside")
        try client.walk(0, to: 1, "directory")
        try client.refuses(.remove(fid: 1), with: .directoryNotEmpty)
        try client.refuses(.clunk(fid: 1), with: .badFileDescriptor)
    }

    @Test("Tstatfs")
    func statfs() throws {
        guard case .statfs(let statistics) = try client.must(.statfs(fid: 0)) else { return }
        #expect(statistics.blockSize > 0)
        #expect(statistics.maximumNameLength == 255)
        try client.refuses(.statfs(fid: 9), with: .badFileDescriptor)
    }

    @Test("Treadlink: the target comes back untouched")
    func readlink() throws {
        try client.walk(0, to: 1, "link")
        #expect(try client.call(.readlink(fid: 1)) == .readlink(target: "/absolute/../target"))
        try client.refuses(.readlink(fid: 0), with: .invalidArgument)
    }

    @Test("Tgetattr")
    func getattr() throws {
        try client.walk(0, to: 1, "file")
        let attributes = try client.attributes(1)
        #expect(attributes.valid.contains(.basic))
        #expect(attributes.size == 5)
        #expect(attributes.mode == 0o100644)
        #expect(attributes.user == getuid())
        #expect(attributes.linkCount == 1)
        try client.refuses(.getattr(fid: 9, mask: .basic), with: .badFileDescriptor)
    }

    @Test("Tsetattr: mode, size and times; never to nobody")
    func setattr() throws {
        try client.walk(0, to: 1, "file")
        try client.must(
            .setattr(1) {
                $0.valid = [
                    .mode, .size, .accessTime, .accessTimeValue, .modificationTime, .modificationTimeValue,
                ]
                $0.mode = 0o100600
                $0.size = 2
                $0.accessTime = FileTime(seconds: 11, nanoseconds: 12)
                $0.modificationTime = FileTime(seconds: -13, nanoseconds: 14)
            })
        let attributes = try client.attributes(1)
        #expect(attributes.mode == 0o100600)
        #expect(attributes.size == 2)
        #expect(attributes.accessTime == FileTime(seconds: 11, nanoseconds: 12))
        #expect(attributes.modificationTime == FileTime(seconds: -13, nanoseconds: 14))
        let nobody = Request.setattr(1) { ($0.valid, $0.user) = ([.user], .max) }
        try client.refuses(nobody, with: .invalidArgument)
        let huge = Request.setattr(1) { ($0.valid, $0.size) = ([.size], .max) }
        try client.refuses(huge, with: .fileTooLarge)
    }

    @Test("Tsymlink")
    func symlink() throws {
        guard case .symlink(let qid) = try client.must(.symlink(0, "new", to: "../../etc")) else { return }
        #expect(qid.kind == .symbolicLink)
        try client.refuses(.symlink(0, "new", to: "x"), with: .fileExists)
        try client.refuses(.symlink(0, "empty", to: ""), with: .invalidArgument)
    }

    @Test("Tmknod: FIFOs and sockets are made, devices only where the export allows them")
    func mknod() throws {
        try client.must(.mknod(0, "fifo", 0o010644))
        try client.must(.mknod(0, "socket", 0o140644))
        try client.refuses(.mknod(0, "device", 0o020644), with: .notPermitted)
        try client.refuses(.mknod(0, "odd", 0o040644), with: .invalidArgument)
    }

    @Test("Tmkdir")
    func mkdir() throws {
        guard case .mkdir(let qid) = try client.must(.mkdir(0, "new")) else { return }
        #expect(qid.kind == .directory)
        try client.refuses(.mkdir(0, "new"), with: .fileExists)
    }

    @Test("Tlink: a further name for the very file, of a link itself too")
    func link() throws {
        try client.walk(0, to: 1, "file")
        try client.must(.link(directory: 0, fid: 1, name: "second"))
        #expect(try bench.tree.status("second").inode == bench.tree.status("file").inode)
        try client.walk(0, to: 2, "link")
        try client.must(.link(directory: 0, fid: 2, name: "second-link"))
        #expect(try bench.tree.status("second-link").kind == .symbolicLink)
        try client.refuses(.link(directory: 0, fid: 1, name: "second"), with: .fileExists)
    }

    @Test("Trename: by the file, wherever it is")
    func rename() throws {
        try client.walk(0, to: 1, "file")
        try client.walk(0, to: 2, "directory")
        try client.must(.rename(fid: 1, directory: 2, name: "moved"))
        #expect(try bench.tree.read("directory/moved") == "hello")
        try client.must(.rename(fid: 1, directory: 0, name: "back"))
        #expect(try bench.tree.read("back") == "hello")
        try client.refuses(.rename(fid: 0, directory: 2, name: "root"), with: .resourceBusy)
    }

    @Test("Trenameat: onto an open file, which stays readable")
    func renameat() throws {
        try bench.tree.write("old", to: "target")
        try client.open("target", as: 1)
        try client.must(.renameat(oldDirectory: 0, oldName: "file", newDirectory: 0, newName: "target"))
        #expect(try client.read(1) == "old")
        #expect(try bench.tree.read("target") == "hello")
        try client.refuses(
            .renameat(oldDirectory: 0, oldName: "file", newDirectory: 0, newName: "x"),
            with: .noSuchFileOrDirectory)
    }

    @Test("Tunlinkat")
    func unlinkat() throws {
        try client.must(.unlink(0, "file"))
        try client.refuses(.unlink(0, "directory"), with: .isDirectory)
        try client.refuses(.unlink(0, "directory", UnlinkFlags(rawValue: 0x201)), with: .invalidArgument)
        try client.must(.unlink(0, "directory", .removeDirectory))
        try client.refuses(.unlink(0, "file"), with: .noSuchFileOrDirectory)
    }

    @Test("Txattrwalk and Txattrcreate")
    func xattrs() throws {
        try client.walk(0, to: 1, "file")
        try client.walk(1, to: 2)
        try client.must(.xattrcreate(fid: 2, name: "user.colour", size: 4, flags: .create))
        try client.write(2, "blue")
        try client.clunk(2)
        #expect(try client.call(.xattrwalk(fid: 1, newFid: 3, name: "user.colour")) == .xattrwalk(size: 4))
        #expect(try client.read(3, at: 1) == "lue")
        guard case .xattrwalk(let size) = try client.must(.xattrwalk(fid: 1, newFid: 4, name: "")) else {
            return
        }
        let names = try client.read(4)
        #expect(names.utf8.count == Int(size) && names.contains("user.colour\0"))
        try client.refuses(.xattrwalk(fid: 1, newFid: 5, name: "user.none"), with: .noData)
        try client.walk(1, to: 5)
        try client.refuses(
            .xattrcreate(fid: 5, name: "user.big", size: .max, flags: []), with: .argListTooLong)
    }

    @Test("Tlock and Tgetlock")
    func locks() throws {
        try client.open("file", as: 1, .readWrite)
        #expect(try client.call(.lock(1, .write, 0, 0)) == .lock(status: .success))
        #expect(try client.call(.lock(1, .read, 5, 1, process: 2)) == .lock(status: .blocked))
        guard case .getlock(let found) = try client.must(.getlock(1, .read, 5, 1, process: 2)) else { return }
        #expect(found == FileLock(kind: .write, start: 0, length: 0, processID: 1, clientID: "here"))
        try client.refuses(.lock(0, .write, 0, 0), with: .badFileDescriptor)
        try client.refuses(.getlock(0, .write, 0, 0), with: .badFileDescriptor)
        try client.refuses(.lock(1, FileLock.Kind(rawValue: 9), 0, 0), with: .invalidArgument)
    }
}
