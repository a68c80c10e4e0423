import Glibc
import LinuxSystem
import NineP
import NinePServer
import SystemPackage
import TestSupport
import Testing

/// Frames no client should send: each costs a reply or that client's connection, and nobody else anything.
@Suite("hostile frames (4.5, 19 and 21)")
struct HostileFrameTests {
    let bench: ServerBench

    init() throws { bench = try ServerBench() }

    @Test(
        "a size below 7 or above msize costs the connection",
        arguments: [0, 6, 65537, 0xFFFF_FFFF] as [UInt32])
    func impossibleSize(size: UInt32) throws {
        let client = try bench.attached()
        try client.send(bytes: (0..<4).map { UInt8(truncatingIfNeeded: size >> (8 * $0)) } + [120, 1, 0])
        #expect(try client.isHungUpOn())
        _ = try bench.attached()
    }

    @Test(
        "illegal and unknown types are answered EOPNOTSUPP",
        arguments: [6, 7, 0, 9, 13, 106, 107, 112, 114, 124, 126, 117, 255] as [UInt8])
    func illegalTypes(type: UInt8) throws {
        let client = try bench.attached()
        try client.send(bytes: [7, 0, 0, 0, type, 5, 0])
        let (tag, reply) = try client.receive()
        #expect(tag.rawValue == 5 && reply == .error(code: 95))
        try client.walk(0, to: 1)
    }

    @Test("bodies too short, too long, or with strings beyond the frame are answered EINVAL")
    func malformedBodies() throws {
        let client = try bench.attached()
        let frames: [[UInt8]] = [
            [7, 0, 0, 0, 120, 5, 0],
            [12, 0, 0, 0, 120, 5, 0, 0, 0, 0, 0, 9],
            // Twalk with a name of 65,535 bytes, of 17 names, and Twrite of more than is there.
            [19, 0, 0, 0, 110, 5, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0xFF, 0xFF],
            [17, 0, 0, 0, 110, 5, 0, 0, 0, 0, 0, 1, 0, 0, 0, 17, 0],
            [23, 0, 0, 0, 118, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF],
        ]
        for frame in frames {
            try client.send(bytes: frame)
            #expect(try client.receive().reply == .error(code: 22), "\(frame)")
        }
        try client.walk(0, to: 1)
    }

    @Test("nothing is done before a version is agreed")
    func beforeVersion() throws {
        let client = try RawClient(to: bench.socketPath)
        try client.refuses(
            .attach(fid: 0, authFid: .none, user: "", tree: "", userNumber: getuid()), with: .protocolError)
        for size in [0, 1, 23, 24, 4095] as [UInt32] {
            try client.refuses(
                .version(maximumMessageSize: size, version: "9P2000.L"), with: .invalidArgument)
        }
        try client.refuses(.clunk(fid: 0), with: .protocolError)
    }

    @Test("frames arrive whole whatever pieces they are sent in")
    func pieces() throws {
        let client = try bench.attached()
        var bytes: [UInt8] = []
        for tag in 1...20 as ClosedRange<UInt16> {
            Request.getattr(fid: 0, mask: .basic).encode(tag: NineP.Tag(rawValue: tag), into: &bytes)
        }
        for piece in stride(from: 0, to: bytes.count, by: 5) {
            try client.send(bytes: Array(bytes[piece..<min(bytes.count, piece + 5)]))
            sched_yield()
        }
        let tags = try (1...20).map { _ in try client.receive().tag.rawValue }
        #expect(Set(tags) == Set(1...20))
    }

    @Test("4.5 (18): a connection dropped at any byte of a message leaves nothing behind")
    func droppedAnywhere() throws {
        // A process of its own: this one's descriptors are those of every test that runs now.
        let socket = bench.top.path + "/own"
        let server = try ServerProcess(["--export", "tree=\(bench.tree.path)", "--listen", "unix:\(socket)"])
        try server.waitUntilServing()
        // Who stays, so that all that the server opens once is open.
        let guest = try attached(to: socket)
        let before = try OpenDescriptors.count(of: server)
        let frame = Request.walk(0, to: 1, ["file"]).encoded(tag: NineP.Tag(rawValue: 1))
        for count in 0...frame.count {
            let client = try attached(to: socket)
            try client.send(bytes: Array(frame.prefix(count)))
        }
        for _ in 0..<300 { _ = try attached(to: socket) }
        // Each dropped client's descriptors go when the server has noticed.
        try eventually("\(before) descriptors again") { try OpenDescriptors.count(of: server) == before }
        _ = try guest.attributes(0)
    }

    private func attached(to socket: String) throws -> RawClient {
        let client = try RawClient(to: socket)
        try client.must(.version(maximumMessageSize: 8192, version: Protocol9P.version))
        try client.attach(0)
        return client
    }

    @Test("4.5 (30): a client that does not read its replies is no longer read from, and holds up nobody")
    func slowReader() throws {
        let block = String(repeating: "x", count: 60_000)
        try bench.tree.write(block, to: "large")
        let slow = try bench.attached()
        try slow.open("large", as: 1)
        let requestCount = 2000
        let sender = try Thread("sender") {
            for index in 0..<requestCount {
                try? slow.send(.read(fid: 1, offset: 0, count: 60_000), tag: UInt16(index))
            }
        }
        let quick = try bench.attached()
        for _ in 0..<200 { _ = try quick.attributes(0) }
        var tags: Set<UInt16> = []
        for _ in 0..<requestCount {
            let (tag, reply) = try slow.receive()
            guard case .read(let data) = reply, data.count == 60_000 else {
                Issue.record("\(tag) was cut short")
                break
            }
            tags.insert(tag.rawValue)
        }
        sender.join()
        #expect(tags.count == requestCount)
    }
}

enum OpenDescriptors {
    static func count(of server: ServerProcess) throws -> Int {
        var count = 0
        let directory = try OwnedDescriptor.root(at: "/proc/\(server.process.identifier)/fd").reopened([
            .readOnly, .directory,
        ])
        while true {
            var records = try directory.directoryRecords(capacity: 1 << 16)
            guard !records.isAtEnd else { return count }
            while records.next() != nil { count += 1 }
        }
    }
}
