import FUSEMount
import Glibc
import LinuxSystem
import Synchronization
import SystemPackage
import TestSupport
import Testing

@Suite("A mounted filesystem", .serialized)
struct FUSESessionTests {
    @Test("a file written through the mount reads back, in pieces of 1 MiB at most")
    func readsBack() throws {
        let filesystem = ScriptedFilesystem()
        let mounted = try Mounted(filesystem)
        defer { mounted.end() }
        let bytes = [UInt8](repeating: 66, count: 1 << 20) + [UInt8](repeating: 65, count: 1 << 20)
        let file = try Client.open(mounted.path + "/plain", O_RDWR)
        #expect(try Client.write(file, bytes) == bytes.count)
        // The caller's buffer seldom starts a page, so the pieces are a little shorter than 1 MiB.
        let pieces = filesystem.log.compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }
        #expect(pieces.count <= 3 && pieces.allSatisfy { $0 <= 1 << 20 })
        #expect(try Client.readAll(mounted.path + "/plain").utf8.count == bytes.count)
        #expect(filesystem.state.withLock { $0.content } == bytes)
    }

    @Test("names, attributes and errnos arrive as the filesystem answered them")
    func namesAndErrnos() throws {
        let mounted = try Mounted(ScriptedFilesystem())
        defer { mounted.end() }
        #expect(try Client.status(mounted.path + "/held").st_size == 1 << 40)
        #expect(throws: Errno.noSuchFileOrDirectory) { try Client.status(mounted.path + "/absent") }
        #expect(throws: Errno.noFunction) { try Client.check(unsafe mkdir(mounted.path + "/new", 0o755)) }
    }

    @Test("a request that is dropped answers EIO")
    func droppedRequest() throws {
        let mounted = try Mounted(ScriptedFilesystem())
        defer { mounted.end() }
        let file = try Client.open(mounted.path + "/forgotten", O_RDONLY)
        #expect(throws: Errno.ioError) { try Client.read(file) }
    }

    @Test("a read waits until it is answered from another thread")
    func deferredRead() throws {
        let filesystem = ScriptedFilesystem([.directIO, .stream, .parallelDirectWrites])
        let mounted = try Mounted(filesystem)
        defer { mounted.end() }
        let path = mounted.path + "/held"
        let result = Mutex<[UInt8]?>(nil)
        let reader = try Thread("reader") {
            let bytes = try? Client.read(Client.open(path, O_RDWR))
            result.withLock { $0 = bytes }
        }
        try eventually("the read") { filesystem.answer([1, 2, 3]) != nil }
        reader.join()
        #expect(result.withLock { $0 } == [1, 2, 3])
    }

    @Test("with the stream flag a write passes while a read waits on the same descriptor")
    func writePassesWaitingRead() throws {
        let filesystem = ScriptedFilesystem([.directIO, .stream, .parallelDirectWrites])
        let mounted = try Mounted(filesystem)
        defer { mounted.end() }
        let file = try Client.open(mounted.path + "/held", O_RDWR)
        let descriptor = file.rawValue
        let result = Mutex<[UInt8]?>(nil)
        let reader = try Thread("reader") {
            let borrowed = OwnedDescriptor(owning: descriptor)
            let bytes = try? Client.read(borrowed)
            _ = borrowed.release()
            result.withLock { $0 = bytes }
        }
        try eventually("the read") { filesystem.state.withLock { !$0.held.isEmpty } }
        try Client.write(file, [7, 8])
        reader.join()
        #expect(result.withLock { $0 } == [7, 8])
    }

    @Test("O_NONBLOCK reaches the read")
    func nonBlocking() throws {
        let mounted = try Mounted(ScriptedFilesystem())
        defer { mounted.end() }
        let file = try Client.open(mounted.path + "/held", O_RDWR | O_NONBLOCK)
        #expect(throws: Errno.wouldBlock) { try Client.read(file) }
    }

    @Test("a waiting poll is woken by its handle, an edge-triggered epoll once per notice")
    func pollWakes() throws {
        let filesystem = ScriptedFilesystem()
        let mounted = try Mounted(filesystem)
        defer { mounted.end() }
        let file = try Client.open(mounted.path + "/plain", O_RDWR)
        #expect(Client.poll(file, POLLIN, milliseconds: 0) == 0)
        let poller = try Poller()
        try poller.add(file.rawValue, [.readable, .edgeTriggered], token: 9)
        #expect(try poller.wait(for: .zero).isEmpty)
        filesystem.makeReady([1])
        #expect(try poller.wait(for: HangGuard.limit).map(\.token) == [9])
        #expect(try poller.wait(for: .zero).isEmpty)
        #expect(Client.poll(file, POLLIN) == POLLIN)
    }

    @Test("POSIX and whole-file locks come to the filesystem")
    func locks() throws {
        let filesystem = ScriptedFilesystem()
        let mounted = try Mounted(filesystem)
        defer { mounted.end() }
        let file = try Client.open(mounted.path + "/plain", O_RDWR)
        var lock = flock()
        lock.l_type = Int16(F_WRLCK)
        lock.l_start = 5
        lock.l_len = 10
        #expect(unsafe fcntl(file.rawValue, F_SETLK, &lock) == 0)
        #expect(filesystem.log.contains("lock write 5+10 waits false"))
        #expect(unsafe fcntl(file.rawValue, F_GETLK, &lock) == 0)
        #expect(Int32(lock.l_type) == F_WRLCK)
        #expect(throws: Errno.wouldBlock) { try Client.check(flock(file.rawValue, LOCK_EX | LOCK_NB)) }
        #expect(filesystem.log.contains("flock exclusive waits false"))
    }

    @Test("a directory lists in its filesystem's order")
    func listing() throws {
        let mounted = try Mounted(ScriptedFilesystem())
        defer { mounted.end() }
        guard let directory = unsafe opendir(mounted.path) else { throw Errno(rawValue: errno) }
        defer { unsafe _ = closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            unsafe names.append(
                withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                    unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                })
        }
        #expect(names == ["plain", "held", "forgotten"])
    }

    @Test("several threads may serve one session, and stop ends them all")
    func severalThreads() throws {
        let filesystem = ScriptedFilesystem()
        let mounted = try Mounted(filesystem, workers: 3)
        defer { mounted.end() }
        for _ in 0..<200 { _ = try Client.status(mounted.path + "/held") }
        mounted.end()
        #expect(filesystem.log.last == "ended")
    }

    @Test("service never blocks, and says when somebody else unmounted")
    func serviceInALoop() throws {
        let directory = try TemporaryDirectory()
        let session = try FUSESession(
            ScriptedFilesystem(), at: directory.path, MountOptions(source: "test", subtype: "test"))
        let poller = try Poller()
        try poller.add(session.pollDescriptor, .readable, token: 0)
        let path = directory.path
        let size = Mutex<Int>(0)
        let client = try Thread("client") {
            let seen = (try? Client.status(path + "/held").st_size) ?? -1
            size.withLock { $0 = seen }
            try? FUSEDevice.detach(path)
        }
        var hasEnded = false
        while !hasEnded {
            _ = try poller.wait(for: HangGuard.limit)
            hasEnded = try session.service()
        }
        client.join()
        #expect(size.withLock { $0 } == 1 << 40)
        #expect(mountCount(under: path) == 0)
    }
}
