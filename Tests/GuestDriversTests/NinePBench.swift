import DevicePage
import Glibc
import GuestDrivers
import GuestTestSupport
import Links
import LinuxSystem
import NineP
import SharedMemory
import SystemPackage
import TestSupport
import Testing
import VOPGuest
import Virtio
import Virtqueue

/// A 9p device with its driver, seen through to a running state; the device role is a fake server of the test's.
final class NinePBench {
    /// A request the device has taken.
    struct Taken {
        let chain: DescriptorChain
        let frame: [UInt8]
        var tag: NineP.Tag { NineP.Tag(rawValue: UInt16(frame[5]) | UInt16(frame[6]) << 8) }
        var type: UInt8 { frame[4] }
    }

    let host: ScriptedHost
    let guest: GuestBackend
    let directory: String
    private(set) var device: ScriptedHost.Device
    private(set) var ring: DeviceQueue
    /// Taken and not answered; `serve` answers them.
    var taken: [Taken] = []
    /// Off once the rings are another life's.
    var takes = true
    /// All requests that ever came, by type.
    private(set) var seen: [UInt8] = []

    var socketPath: String { directory + "/share.sock" }

    init(
        queueSize: UInt32 = 16, tag: [UInt8] = Array("share".utf8), config: [UInt8]? = nil,
        windowByteCount: Int = 4 << 20, expects state: GuestDeviceState = .running,
        change: (inout NinePSettings) -> Void = { _ in }
    ) throws {
        directory = "/tmp/vop-9p-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        try #require(unsafe mkdir(directory, 0o700) == 0)
        var settings = NinePSettings(directory: directory)
        settings.poolByteCount = 1 << 20
        // Clients of the tests live on in this process; those that are to come back say so.
        settings.graceLimit = .zero
        change(&settings)
        let ends = try LoopbackLink.pair(windowByteCount: windowByteCount)
        host = ScriptedHost(ends.host)
        guest = GuestBackend(link: ends.guest, drivers: [.ninep(settings)])
        ends.host.start()
        ends.guest.start()
        _ = try host.link.service()
        try host.format()
        let bytes = config ?? [UInt8(tag.count), 0] + tag
        device = try host.publish(
            .ninep, queueSizes: [queueSize], offered: [.version1, .ninepMountTag], config: bytes)
        try guest.service()
        ring = try host.activate(0, of: device)
        try host.acceptUsedRings(of: device)
        for _ in 0..<3 { try guest.service() }
        #expect(try guest.snapshot(of: "9p0").state == state)
    }

    deinit {
        unsafe _ = unlink(socketPath)
        unsafe _ = rmdir(directory)
    }

    var state: GuestDeviceState { get throws { try guest.snapshot(of: "9p0").state } }

    /// Takes what the driver has made available.
    func take() throws {
        while takes, let chain = try ring.takeChain() {
            var reader = ring.reader(of: chain)
            let frame = ring.bytes(from: &reader)
            taken.append(Taken(chain: chain, frame: frame))
            seen.append(frame[4])
        }
    }

    /// Answers one taken request with these bytes.
    func answer(_ request: Taken, _ reply: [UInt8], written: UInt32? = nil) {
        var writer = ring.writer(of: request.chain)
        #expect(ring.copy(reply.span, to: &writer) == reply.count, "room for \(reply.count) bytes")
        ring.complete(request.chain, written: written ?? UInt32(reply.count))
        if ring.publishUsed() { host.ring(device) }
        taken.removeAll { $0.chain.head == request.chain.head }
    }

    /// Answers everything that is taken as a server would.
    func serve() throws {
        try take()
        for request in taken { answer(request, Self.reply(to: request)) }
    }

    static func reply(to taken: Taken) -> [UInt8] { reply(to: taken.frame) }

    static func reply(to frame: [UInt8]) -> [UInt8] {
        do {
            let (tag, request) = try Request.decode(untrusted: frame)
            let reply: Reply =
                switch request {
                case .version(let messageSize, let version):
                    .version(maximumMessageSize: messageSize, version: version)
                case .attach: .attach(qid: Qid(kind: .directory, version: 1, path: 2))
                case .read(_, let offset, let count):
                    .read(data: pattern(offset, Int(count))[...])
                case .write(_, let offset, let data):
                    data.elementsEqual(pattern(offset, data.count))
                        ? .write(count: UInt32(data.count)) : .error(code: 5)
                case .clunk: .clunk
                case .flush: .flush
                default: .error(code: 95)
                }
            return reply.encoded(tag: tag)
        } catch {
            return Reply.error(code: 22).encoded(
                tag: NineP.Tag(rawValue: UInt16(frame[5]) | UInt16(frame[6]) << 8))
        }
    }

    /// What the fake server's files hold at an offset.
    static func pattern(_ offset: UInt64, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: offset &+ UInt64($0) &* 7) }
    }

    /// Runs guest and server until something is so.
    func run(serving: Bool = true, until isSo: () throws -> Bool) throws {
        let limit = ContinuousClock.Instant.now + HangGuard.limit
        while try !isSo() {
            try #require(.now < limit, "not in time")
            try guest.service()
            _ = try host.link.service()
            if serving { try serve() } else { try take() }
        }
    }

    func connect() throws -> NinePTestClient {
        NinePTestClient(try Socket.connected(.stream, to: socketPath), self)
    }
}

/// A 9P client by hand, on the driver's socket.
final class NinePTestClient {
    let socket: Socket
    private unowned let bench: NinePBench
    private(set) var received: [UInt8] = []
    private(set) var isHungUp = false

    init(_ socket: consuming Socket, _ bench: NinePBench) {
        self.socket = socket
        self.bench = bench
    }

    /// At once, though a process that another test is just starting may hold the descriptor a moment longer.
    deinit { shutdown(socket.rawDescriptor, Int32(SHUT_RDWR)) }

    /// Sends all of it, however often that takes.
    func send(_ bytes: [UInt8], inPiecesOf piece: Int = 1 << 20, serving: Bool = true) throws {
        var rest = bytes[...]
        try bench.run(serving: serving) {
            while !rest.isEmpty {
                guard case .moved(let count) = try socket.write(rest.prefix(piece)) else { break }
                rest = rest.dropFirst(count)
                if piece < bytes.count { break }
            }
            return rest.isEmpty
        }
    }

    func send(_ request: Request, tag: UInt16) throws {
        try send(request.encoded(tag: NineP.Tag(rawValue: tag)), serving: false)
    }

    /// Takes what has come.
    func receive(atMost limit: Int = 1 << 20) throws {
        var buffer = [UInt8](repeating: 0, count: limit)
        switch try socket.read(into: &buffer, from: 0) {
        case .moved(let count): received += buffer.prefix(count)
        case .ended: isHungUp = true
        case .wouldBlock: return
        }
    }

    /// The next whole frame.
    func frame(serving: Bool = true, inPiecesOf piece: Int = 1 << 20) throws -> [UInt8] {
        var frame: [UInt8]?
        try bench.run(serving: serving) {
            try receive(atMost: piece)
            frame = takeFrame()
            return frame != nil || isHungUp
        }
        return try #require(frame, "hung up on")
    }

    func takeFrame() -> [UInt8]? {
        guard received.count >= 4 else { return nil }
        let size = (0..<4).reduce(0) { $0 | Int(received[$1]) << (8 * $1) }
        guard received.count >= size else { return nil }
        defer { received.removeFirst(size) }
        return Array(received.prefix(size))
    }

    func reply(serving: Bool = true) throws -> (tag: NineP.Tag, reply: Reply) {
        try Reply.decode(untrusted: try frame(serving: serving))
    }

    /// Tversion and its answer: the msize.
    func version(_ messageSize: UInt32 = 65536) throws -> UInt32 {
        try send(.version(maximumMessageSize: messageSize, version: Protocol9P.version), tag: 0xFFFF)
        guard case .version(let agreed, Protocol9P.version) = try reply().reply else { return 0 }
        return agreed
    }

    func waitUntilHungUp() throws {
        try bench.run {
            try receive()
            return isHungUp
        }
    }
}
