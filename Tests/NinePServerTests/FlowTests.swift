import Glibc
import LinuxSystem
import Logging
import NineP
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import NinePServer

/// A carrier that keeps what it is given.
final class RecordingSink: ReplySink {
    enum Event: Equatable {
        case reply(UInt16, Reply, token: UInt64)
        case withdrawn(token: UInt64)
        case dropped
    }

    private let events = Monitor<[Event]>([])

    func send(_ frame: [UInt8], for token: UInt64) {
        guard let (tag, reply) = try? Reply.decode(untrusted: frame) else { return }
        add(.reply(tag.rawValue, reply, token: token))
    }

    func withdraw(_ token: UInt64) { add(.withdrawn(token: token)) }
    func drop(because reason: String) { add(.dropped) }

    private func add(_ event: Event) {
        events.withLock { $0.append(event) }
        events.wakeAll()
    }

    var soFar: [Event] { events.withLock { $0 } }

    /// Waits until there are `count` events.
    func first(_ count: Int) -> [Event] {
        events.waiting { $0.count >= count ? Array($0.prefix(count)) : nil }
    }
}

/// Holds a worker up until it is let go.
final class Obstacle: Work {
    private let gate = Monitor((hasBegun: false, isOpen: false))

    func run(on worker: Worker) {
        gate.withLock { $0.hasBegun = true }
        gate.wakeAll()
        gate.waiting { $0.isOpen ? () : nil }
    }

    func waitUntilBegun() { gate.waiting { $0.hasBegun ? () : nil } }

    func letGo() {
        gate.withLock { $0.isOpen = true }
        gate.wakeAll()
    }
}

@Suite("the order of requests and replies (4.3)")
struct FlowTests {
    private let bench: UnservedBench
    let sink = RecordingSink()
    let session: NinePSession
    /// Events of the session's beginning.
    let begun = 2

    init() throws {
        var options = ServerOptions()
        options.workerCount = 1
        bench = try UnservedBench(options)
        try bench.tree.write("hello", to: "file")
        session = NinePSession(
            of: bench.server, to: sink, label: "test", counts: bench.server.counts(of: "test"),
            trust: .anyUser)
        submit(.version(maximumMessageSize: 8192, version: "9P2000.L"), .max)
        _ = sink.first(1)
        submit(.attach(fid: 0, authFid: .none, user: "", tree: "tree", userNumber: getuid()), 0)
        _ = sink.first(begun)
    }

    private func submit(_ request: Request, _ tag: UInt16, capacity: Int = .max) {
        session.submit(
            request.encoded(tag: NineP.Tag(rawValue: tag)),
            FrameOrigin(token: UInt64(tag), replyCapacity: capacity))
    }

    /// The only worker is busy until `letGo`.
    private func obstructed() -> Obstacle {
        let obstacle = Obstacle()
        bench.server.pool.submit(obstacle)
        obstacle.waitUntilBegun()
        return obstacle
    }

    private func events(_ count: Int) -> [RecordingSink.Event] {
        Array(sink.first(begun + count).dropFirst(begun))
    }

    @Test("2: a request not begun is flushed away: its chain comes back empty, and no reply ever follows")
    func flushWaiting() throws {
        let obstacle = obstructed()
        submit(.mkdir(0, "never"), 1)
        submit(.flush(oldTag: NineP.Tag(rawValue: 1)), 2)
        #expect(events(2) == [.withdrawn(token: 1), .reply(2, .flush, token: 2)])
        submit(.getattr(fid: 0, mask: .basic), 1)
        obstacle.letGo()
        guard case .reply(1, .getattr, 1) = events(3)[2] else {
            Issue.record("\(events(3))")
            return
        }
        #expect(!bench.tree.exists("never"))
    }

    @Test("2: a request begun is answered first, then its flushes in order, then the flush of a flush")
    func flushRunning() throws {
        signal(SIGIO, SIG_IGN)
        // A write lease holds up everybody's open until its holder lets go: a request that is surely running.
        let file = try FileDescriptor.open(
            FilePath(bench.tree.path + "/file"), .readWrite, options: .closeOnExec)
        // A process that another test is starting may have the file open for a moment, as this one had.
        try eventually("a write lease") { fcntl(file.rawValue, 1024, CInt(F_WRLCK)) == 0 }
        submit(.walk(0, to: 1, ["file"]), 9)
        _ = events(1)
        submit(.lopen(fid: 1, flags: .readOnly), 1)
        try eventually("the open is running") {
            session.state.withLock { $0.jobs[NineP.Tag(rawValue: 1)]?.stage } == .running
        }
        submit(.flush(oldTag: NineP.Tag(rawValue: 1)), 2)
        submit(.flush(oldTag: NineP.Tag(rawValue: 2)), 3)
        submit(.flush(oldTag: NineP.Tag(rawValue: 1)), 4)
        #expect(sink.soFar.count == begun + 1)
        #expect(fcntl(file.rawValue, 1024, CInt(F_UNLCK)) == 0)
        try file.close()
        let answered = events(5).dropFirst().map { event -> UInt16 in
            guard case .reply(let tag, _, _) = event else { return 0 }
            return tag
        }
        #expect(answered == [1, 2, 4, 3])
    }

    @Test("3: a tag used again before its reply costs the connection")
    func duplicateTag() throws {
        let obstacle = obstructed()
        submit(.statfs(fid: 0), 1)
        submit(.statfs(fid: 0), 1)
        #expect(events(1) == [.dropped])
        obstacle.letGo()
    }

    @Test("4: Tversion takes out what waits, ends every fid, and is answered after that")
    func versionAmidst() throws {
        let obstacle = obstructed()
        submit(.mkdir(0, "never"), 1)
        submit(.version(maximumMessageSize: 4096, version: "9P2000.L"), .max)
        submit(.statfs(fid: 0), 1)
        obstacle.letGo()
        let badFid = Reply.error(code: UInt32(Errno.badFileDescriptor.rawValue))
        #expect(
            events(3) == [
                .withdrawn(token: 1),
                .reply(
                    .max, .version(maximumMessageSize: 4096, version: "9P2000.L"), token: UInt64(UInt16.max)),
                .reply(1, badFid, token: 1),
            ])
        #expect(!bench.tree.exists("never"))
        #expect(session.fids.count == 0)
    }

    @Test("1: requests that depend on a fid follow each other however many workers there are")
    func pipelined() throws {
        let server = try ServerBench()
        try server.tree.write("hello", to: "file")
        let client = try server.attached()
        var frames: [UInt8] = []
        for round in 0..<200 as Range<UInt16> {
            let requests: [Request] = [
                .walk(0, to: 1, ["file"]), .lopen(fid: 1, flags: .readOnly),
                .read(fid: 1, offset: 0, count: 100),
                .clunk(fid: 1),
            ]
            for (index, request) in requests.enumerated() {
                request.encode(tag: NineP.Tag(rawValue: round * 4 + UInt16(index)), into: &frames)
            }
        }
        try client.send(bytes: frames)
        var replies: [UInt16: Reply] = [:]
        for _ in 0..<800 {
            let (tag, reply) = try client.receive()
            replies[tag.rawValue] = reply
        }
        for round in 0..<200 as Range<UInt16> {
            #expect(replies[round * 4 + 2] == .read(data: Array("hello".utf8)[...]))
            #expect(replies[round * 4 + 3] == .clunk)
        }
    }

    @Test("a reply never exceeds what the carrier has room for: data is cut, anything else refused")
    func replyCapacity() throws {
        submit(.walk(0, to: 1, ["file"]), 1)
        submit(.lopen(fid: 1, flags: .readOnly), 2)
        submit(.read(fid: 1, offset: 0, count: 100), 3, capacity: 14)
        submit(.getattr(fid: 1, mask: .basic), 4, capacity: 14)
        let seen = events(4)
        #expect(seen[2] == .reply(3, .read(data: Array("hel".utf8)[...]), token: 3))
        let tooLong = Reply.error(code: UInt32(Errno.messageTooLong.rawValue))
        #expect(seen[3] == .reply(4, tooLong, token: 4))
    }

    @Test("5: a client that is gone leaves no fid, and its requests in line do nothing")
    func ended() throws {
        let obstacle = obstructed()
        submit(.mkdir(0, "never"), 1)
        session.end()
        obstacle.letGo()
        try eventually("every fid is gone") { session.fids.count == 0 }
        obstructed().letGo()
        #expect(!bench.tree.exists("never"))
        #expect(sink.soFar.count == begun)
    }
}

/// A server that serves no carrier, whose threads would do what a test puts in line behind an obstacle.
private final class UnservedBench {
    private let top: TestDirectory
    let server: NinePServer

    var tree: TestDirectory { TestDirectory(existing: top.path + "/tree") }

    init(_ options: ServerOptions) throws {
        top = try TestDirectory()
        try top.makeDirectory("tree")
        var logger = Logger(label: "test", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = .error
        server = try NinePServer(
            exports: [Export(name: "tree", path: top.path + "/tree")], accounts: Accounts(), options: options,
            logger: logger)
    }

    deinit {
        server.shutDown()
        top.remove()
    }
}
