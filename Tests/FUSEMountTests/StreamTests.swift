import ControlTree
import FUSEMount
import Glibc
import LinuxSystem
import SharedMemory
import Synchronization
import SystemPackage
import TestSupport
import Testing

@Suite("A mounted control tree: streams and events", .serialized)
struct StreamTests {
    /// A tree with one stream; the test reaches what each open file stands on.
    private func makeTree(_ streams: Box<[ScriptedStream]>) throws -> ServedTree {
        try ServedTree { root in
            root.add(
                "stream",
                StreamNode { opening in
                    let stream = ScriptedStream(opening)
                    streams.value.append(stream)
                    return stream
                })
        }
    }

    /// Waits for what another thread does; a test that waited in vain still unmounts, which frees every reader.
    private func wait(_ condition: () -> Bool) throws { try eventually("another thread", condition) }

    /// A thread that reads once, and how that ended.
    private final class Reader: Sendable {
        let result = Box<Result<[UInt8], Errno>?>(nil)
        let handle = Box<pthread_t?>(nil)
        private let thread = Mutex<Thread?>(nil)

        init(_ descriptor: CInt) throws {
            let thread = try Thread("reader") { [result, handle] in
                // Threads of the test runner block signals, and theirs inherit that.
                var signals = sigset_t()
                unsafe sigemptyset(&signals)
                unsafe sigaddset(&signals, SIGUSR1)
                unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
                handle.value = pthread_self()
                let borrowed = OwnedDescriptor(owning: descriptor)
                do throws(Errno) { result.value = .success(try Client.read(borrowed)) } catch {
                    result.value = .failure(error)
                }
                _ = borrowed.release()
            }
            self.thread.withLock { $0 = thread }
        }

        func join() throws {
            try eventually("the read") { result.value != nil }
            thread.withLock { $0.take() }?.join()
        }
    }

    @Test("a stream opened for less than both reading and writing is EACCES")
    func openingHalf() throws {
        let tree = try makeTree(Box([]))
        defer { tree.end() }
        #expect(throws: Errno.permissionDenied) { _ = try Client.open(tree.file("stream"), O_RDONLY) }
        #expect(throws: Errno.permissionDenied) { _ = try Client.open(tree.file("stream"), O_WRONLY) }
        #expect(try Client.status(tree.file("stream")).st_size == 1 << 40)
    }

    @Test("a read waits; a write on the same descriptor passes it; the read gets what comes")
    func readWaits() throws {
        let streams = Box<[ScriptedStream]>([])
        let tree = try makeTree(streams)
        defer { tree.end() }
        let file = try Client.open(tree.file("stream"), O_RDWR)
        let stream = try #require(streams.value.first)
        let reader = try Reader(file.rawValue)
        try wait { !stream.state.withLock { $0.waiting.isEmpty } }
        #expect(try Client.write(file, [1, 2, 3]) == 3)
        #expect(stream.state.withLock { $0.written } == [[1, 2, 3]])
        stream.give([9, 8])
        try reader.join()
        #expect(try reader.result.value?.get() == [9, 8])
    }

    @Test("what a stream refuses, the writer gets as its errno")
    func refusedWrite() throws {
        let tree = try makeTree(Box([]))
        defer { tree.end() }
        let file = try Client.open(tree.file("stream"), O_RDWR)
        #expect(throws: Errno.messageTooLong) { try Client.write(file, [UInt8](repeating: 0, count: 1000)) }
    }

    @Test("a signal ends a waiting read with EINTR, and the stream learns that the read is over")
    func interruptedRead() throws {
        let streams = Box<[ScriptedStream]>([])
        let tree = try makeTree(streams)
        defer { tree.end() }
        var action = sigaction()
        unsafe action.__sigaction_handler.sa_handler = { _ in }
        unsafe sigaction(SIGUSR1, &action, nil)
        let file = try Client.open(tree.file("stream"), O_RDWR)
        let stream = try #require(streams.value.first)
        let reader = try Reader(file.rawValue)
        try wait { !stream.state.withLock { $0.waiting.isEmpty } }
        let thread = try #require(reader.handle.value)
        pthread_kill(thread, SIGUSR1)
        try reader.join()
        #expect(reader.result.value == .failure(.interrupted))
        try wait { stream.state.withLock { $0.interrupted } == 1 }
        // The read it kept is over: what is given now reaches nobody, and the stream is told.
        stream.give([5])
        #expect(stream.state.withLock { $0.undelivered } == 1)
    }

    @Test("a killed reader does not wait for bytes, and its open file is closed")
    func killedReader() throws {
        let streams = Box<[ScriptedStream]>([])
        let tree = try makeTree(streams)
        defer { tree.end() }
        let line = "exec cat <>\"$1\""
        let reader = try SpawnedProcess("/bin/sh", ["-c", line, "sh", tree.file("stream")], output: 2)
        try wait { streams.value.first?.state.withLock { !$0.waiting.isEmpty } == true }
        reader.signal(SIGKILL)
        #expect(try reader.waitForEnding() == .signalled(SIGKILL))
        try wait { streams.value.first?.state.withLock { $0.isClosed } == true }
    }

    @Test("O_NONBLOCK is EAGAIN; poll and epoll agree with what a read would do")
    func polling() throws {
        let streams = Box<[ScriptedStream]>([])
        let tree = try makeTree(streams)
        defer { tree.end() }
        let file = try Client.open(tree.file("stream"), O_RDWR | O_NONBLOCK)
        let stream = try #require(streams.value.first)
        #expect(throws: Errno.wouldBlock) { try Client.read(file) }
        #expect(Client.poll(file, POLLIN | POLLOUT, milliseconds: 0) == POLLOUT)
        let poller = try Poller()
        try poller.add(file.rawValue, [.readable, .edgeTriggered], token: 4)
        #expect(try poller.wait(for: .zero).isEmpty)
        stream.give([6])
        #expect(try poller.wait(for: HangGuard.limit).map(\.token) == [4])
        #expect(Client.poll(file, POLLIN) == POLLIN)
        #expect(try Client.read(file) == [6])
        #expect(Client.poll(file, POLLIN, milliseconds: 0) == 0)
    }

    @Test("a read is answered with a header and slices of shared memory, in their order")
    func slices() throws {
        let streams = Box<[ScriptedStream]>([])
        let tree = try makeTree(streams)
        defer { tree.end() }
        let window = MemoryWindow.heap(byteCount: 8192)
        window.write([1, 2, 3], at: 0)
        window.write([4, 5], at: 5000)
        let space = try AddressSpace([.init(base: 0x1000, window: window)])
        let file = try Client.open(tree.file("stream"), O_RDWR)
        let stream = try #require(streams.value.first)
        let reader = try Reader(file.rawValue)
        try wait { !stream.state.withLock { $0.waiting.isEmpty } }
        let read = try #require(stream.state.withLock { $0.waiting.first })
        let many = [WindowSlice](
            repeating: WindowSlice(windowIndex: 0, offset: 5000, byteCount: 2), count: 1500)
        #expect(
            read.reply(
                [0xaa], slices: [WindowSlice(windowIndex: 0, offset: 0, byteCount: 3)] + many, of: space))
        try reader.join()
        let bytes = try reader.result.value?.get() ?? []
        #expect(bytes.prefix(6) == [0xaa, 1, 2, 3, 4, 5] && bytes.count == 3004)
    }

    @Test("unmounting ends a waiting read, and closes every open stream")
    func unmounting() throws {
        let streams = Box<[ScriptedStream]>([])
        let tree = try makeTree(streams)
        let file = try Client.open(tree.file("stream"), O_RDWR)
        let stream = try #require(streams.value.first)
        let reader = try Reader(file.rawValue)
        try wait { !stream.state.withLock { $0.waiting.isEmpty } }
        tree.end()
        try reader.join()
        #expect(reader.result.value == .failure(.connectionAbort))
        #expect(stream.state.withLock { $0.isClosed })
        #expect(Client.poll(file, POLLIN) & POLLERR != 0)
        #expect(mountCount(under: tree.path) == 0)
    }

    @Test(
        "events: read-only holds what is retained and ends; O_RDWR goes on; a slow reader is told what it lost"
    )
    func events() throws {
        let log = EventLog(capacity: 4)
        let tree = try ServedTree { root in root.add("events", EventsNode(log)) }
        defer { tree.end() }
        log.record(Event("link-up", object: "links/ep0"))
        #expect(try Client.readAll(tree.file("events")).contains("\"event\":\"link-up\""))
        let follower = try Client.open(tree.file("events"), O_RDWR)
        let first = try Client.text(follower)
        #expect(
            first.hasSuffix("\n") && first.contains("\"object\":\"links/ep0\"")
                && first.contains("\"sequence\":1"))
        let reader = try Reader(follower.rawValue)
        log.record(
            Event("link-down", object: "links/ep0", message: "the peer hung up", details: ["after": "1s"]))
        try reader.join()
        let second = String(decoding: try reader.result.value?.get() ?? [], as: UTF8.self)
        #expect(second.contains("\"message\":\"the peer hung up\"") && second.contains("\"sequence\":2"))
        for _ in 0..<20 { log.record(Event("tick", object: "links/ep0")) }
        #expect(try Client.text(follower).contains("\"event\":\"lost\""))
        #expect(fcntl(follower.rawValue, F_SETFL, O_NONBLOCK) == 0)
        #expect(throws: Errno.wouldBlock) { try Client.read(follower) }
    }
}
