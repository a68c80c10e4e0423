import CLinux
import ControlTree
import FUSEMount
import Glibc
import LinuxSystem
import Synchronization
import SystemPackage
import Testing

@Suite("A mounted control tree: attributes and objects", .serialized)
struct TreeFilesystemTests {
    /// A tree with a settable size, a trigger, state, and a directory of objects.
    private func makeTree(_ size: Box<UInt64>, allowsOthers: Bool = false) throws -> ServedTree {
        try ServedTree(location: "links/ep0", allowsOthers: allowsOthers) { root in
            root.add(
                "size",
                Attribute(.unsigned(in: 1...128, note: "MIC profile"), get: { size.value }) {
                    value, _ throws(Refusal) in
                    guard size.value != 99 else {
                        throw Refusal(.resourceBusy, "the device is live; unpublish it first")
                    }
                    size.value = value
                })
            root.add("state", Attribute(.choice(["up", "down"]), get: { "down" }))
            root.add("reset", Attribute(mode: 0o200, show: nil, change: { _, change in change.succeed() }))
            root.add(
                "page.bin",
                BinaryAttribute(mode: 0o444, count: { 4096 }, show: { Array(repeating: 7, count: 4096) }))
            let devices = root.add("devices", Directory(mode: 0o755))
            devices.maker = { name, _ in
                let device = Directory(mode: 0o755)
                device.add("type", Attribute(.name, get: { "console" }))
                return device
            }
            devices.remover = { [unowned devices] name, change in
                change.answer { () throws(Refusal) in
                    guard name != "busy" else {
                        throw Refusal(.resourceBusy, "is published; write 0 to published first")
                    }
                    devices.remove(name)
                }
            }
        }
    }

    @Test("a value reads back with a newline, and st_size is a page")
    func readsBack() throws {
        let tree = try makeTree(Box(4))
        defer { tree.end() }
        #expect(try Client.readAll(tree.file("size")) == "4\n")
        try Client.write("17\n", to: tree.file("size"), O_WRONLY | O_TRUNC)
        #expect(try Client.readAll(tree.file("size")) == "17\n")
        #expect(try Client.status(tree.file("size")).st_size == 4096)
        #expect(try Client.readAll(tree.file("page.bin")).utf8.count == 4096)
    }

    @Test(
        "a value of the wrong form is EINVAL, out of bounds ERANGE, while live EBUSY; nothing changes",
        arguments: [
            ("five", Errno.invalidArgument), ("-1", .invalidArgument), ("129", .outOfRange),
            ("0", .outOfRange),
        ])
    func refusals(text: String, errno: Errno) throws {
        let size = Box<UInt64>(4)
        let tree = try makeTree(size)
        defer { tree.end() }
        #expect(throws: errno) { try Client.write(text, to: tree.file("size")) }
        #expect(size.value == 4)
        size.value = 99
        #expect(throws: Errno.resourceBusy) { try Client.write("5", to: tree.file("size")) }
    }

    @Test("a refused write leaves its sentence in the open file, and with the tree's owner")
    func refusalSentence() throws {
        let tree = try makeTree(Box(4))
        defer { tree.end() }
        let file = try Client.open(tree.file("size"), O_RDWR)
        #expect(throws: Errno.outOfRange) { try Client.write(file, Array("500".utf8)) }
        let sentence = "links/ep0/size: '500' is above 128; write a number from 1 to 128 (MIC profile)"
        #expect(try Client.text(file) == sentence + "\n")
        let refused = tree.refusals.withLock { $0 }
        #expect(refused.map(\.message) == [sentence])
        #expect(refused.first?.requester.process == Client.threadNumber)
        // Another open file knows nothing of it, and a good write ends it.
        #expect(try Client.readAll(tree.file("size")) == "4\n")
        #expect(lseek(file.rawValue, 0, SEEK_SET) == 0)
        try Client.write(file, Array("5".utf8))
        #expect(lseek(file.rawValue, 0, SEEK_SET) == 0)
        #expect(try Client.text(file) == "5\n")
    }

    @Test("a write at another offset than 0 is EINVAL")
    func writeInPieces() throws {
        let tree = try makeTree(Box(4))
        defer { tree.end() }
        let file = try Client.open(tree.file("size"), O_WRONLY)
        try Client.write(file, Array("1".utf8))
        #expect(throws: Errno.invalidArgument) { try Client.write(file, Array("2".utf8)) }
    }

    @Test("reading goes on in the snapshot taken at offset 0, and takes a new one there")
    func snapshot() throws {
        let size = Box<UInt64>(123)
        let tree = try makeTree(size)
        defer { tree.end() }
        let file = try Client.open(tree.file("size"), O_RDONLY)
        #expect(try Client.read(file, 1) == Array("1".utf8))
        size.value = 4
        #expect(try Client.text(file) == "23\n")
        #expect(lseek(file.rawValue, 0, SEEK_SET) == 0)
        #expect(try Client.text(file) == "4\n")
    }

    @Test("what is not for writing or reading is EACCES, for root too")
    func accessKinds() throws {
        let tree = try makeTree(Box(4))
        defer { tree.end() }
        #expect(throws: Errno.permissionDenied) { _ = try Client.open(tree.file("state"), O_WRONLY) }
        #expect(throws: Errno.permissionDenied) { _ = try Client.open(tree.file("reset"), O_RDONLY) }
        try Client.write("1", to: tree.file("reset"))
    }

    @Test("mkdir makes an object with its attributes, rmdir removes it, and its open files are ENODEV")
    func objects() throws {
        let tree = try makeTree(Box(4))
        defer { tree.end() }
        try Client.check(unsafe mkdir(tree.file("devices/con0"), 0o755))
        #expect(try Client.readAll(tree.file("devices/con0/type")) == "console\n")
        let first = try Client.status(tree.file("devices/con0")).st_ino
        let file = try Client.open(tree.file("devices/con0/type"), O_RDONLY)
        #expect(throws: Errno.fileExists) { try Client.check(unsafe mkdir(tree.file("devices/con0"), 0o755)) }
        try Client.check(unsafe rmdir(tree.file("devices/con0")))
        #expect(throws: Errno.operationNotSupportedByDevice) { try Client.read(file) }
        #expect(throws: Errno.noSuchFileOrDirectory) { try Client.status(tree.file("devices/con0")) }
        try Client.check(unsafe mkdir(tree.file("devices/con0"), 0o755))
        #expect(try Client.status(tree.file("devices/con0")).st_ino != first)
    }

    @Test("a refused mkdir or rmdir says why to the tree's owner, with who asked")
    func refusedObjects() throws {
        let tree = try makeTree(Box(4))
        defer { tree.end() }
        #expect(throws: Errno.invalidArgument) {
            try Client.check(unsafe mkdir(tree.file("devices/-x"), 0o755))
        }
        try Client.check(unsafe mkdir(tree.file("devices/busy"), 0o755))
        #expect(throws: Errno.resourceBusy) { try Client.check(unsafe rmdir(tree.file("devices/busy"))) }
        #expect(throws: Errno.notPermitted) { try Client.check(unsafe mkdir(tree.file("new"), 0o755)) }
        #expect(throws: Errno.notPermitted) { try Client.check(unsafe rmdir(tree.file("devices"))) }
        let refused = tree.refusals.withLock { $0 }
        #expect(refused.map(\.operation) == [.make, .remove, .make, .remove])
        #expect(
            refused[1].message
                == "links/ep0/devices/busy: is published; write 0 to published first")
        #expect(refused.allSatisfy { $0.requester.process == Client.threadNumber })
    }

    @Test("nothing else can be made, moved or removed")
    func nothingElse() throws {
        let tree = try makeTree(Box(4))
        defer { tree.end() }
        let (size, other) = (tree.file("size"), tree.file("other"))
        #expect(throws: Errno.notPermitted) { try Client.check(unsafe unlink(size)) }
        #expect(throws: Errno.notPermitted) { try Client.check(unsafe rename(size, other)) }
        #expect(throws: Errno.notPermitted) { try Client.check(unsafe symlink(size, other)) }
        #expect(throws: Errno.notPermitted) { try Client.check(unsafe link(size, other)) }
        #expect(throws: Errno.notPermitted) { _ = try Client.open(other, O_WRONLY | O_CREAT) }
    }

    @Test("owner, group and mode are kept by the node, and its tree's owner is told")
    func grants() throws {
        let tree = try makeTree(Box(4))
        defer { tree.end() }
        let told = Box<[String]>([])
        try tree.perform { $0.onGrant = { node in told.value.append(node.path) } }
        try Client.check(unsafe chown(tree.file("size"), 65534, 65533))
        try Client.check(unsafe chmod(tree.file("size"), 0o640))
        let status = try Client.status(tree.file("size"))
        #expect(status.st_uid == 65534 && status.st_gid == 65533 && status.st_mode & 0o7777 == 0o640)
        #expect(told.value == ["size", "size"])
    }

    @Test("a write may be answered later, from another thread, while the tree goes on")
    func deferredWrite() throws {
        let pending = Box<PendingChange?>(nil)
        let tree = try ServedTree { root in
            root.add(
                "up", Attribute(.boolean, get: { false }, setLater: { _, change in pending.value = change }))
            root.add("state", Attribute(.choice(["up", "down"]), get: { "down" }))
        }
        defer { tree.end() }
        let path = tree.file("up")
        let outcome = Box<Errno?>(nil)
        let writer = try Thread("writer") {
            do throws(Errno) { try Client.write("1", to: path, O_WRONLY | O_TRUNC) } catch {
                outcome.value = error
            }
        }
        while pending.value == nil { sched_yield() }
        #expect(try Client.readAll(tree.file("state")) == "down\n")
        #expect(try Client.readAll(path) == "0\n")
        pending.value?.refuse(Refusal(.timedOut, "the peer did not answer within 10s"))
        writer.join()
        #expect(outcome.value == .timedOut)
        #expect(tree.refusals.withLock { $0.map(\.message) } == ["up: the peer did not answer within 10s"])
    }
}

extension Client {
    /// The number of the calling thread, as the kernel gives it to a filesystem.
    static var threadNumber: CInt { clinux_gettid() }
}
