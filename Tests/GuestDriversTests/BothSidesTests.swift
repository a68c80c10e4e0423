import DevicePage
import Glibc
import GuestDrivers
import Links
import LinuxSystem
import NineP
import SharedMemory
import SystemPackage
import TestSupport
import Testing
import VOPGuest
import VOPHost
import Virtio
import Virtqueue

/// Host-backend, link, guest-backend, 9p driver and a client on its socket: all real, in one process and on one thread.
@Suite struct BothSidesTests {
    @Test("a session from socket to device and back", arguments: BothSides.LinkKind.allCases)
    func session(kind: BothSides.LinkKind) throws {
        let sides = try BothSides(kind)
        try sides.runUntilRunning()
        let client = try sides.connect()
        let guestReads = sides.guestLink.counters.crossing[.reads]
        for count in [1, 5000, 60000] {
            let write = Request.write(
                fid: Fid(rawValue: 1), offset: 0, data: NinePBench.pattern(0, count)[...])
            #expect(try sides.ask(client, write) == .write(count: UInt32(count)))
        }
        #expect(sides.model.negotiated == [.version1, .ninepMountTag])
        #expect(sides.hostLink.counters.crossing[.readBytes] > 65000)
        #expect(
            sides.guestLink.counters.crossing[.reads] == guestReads, "the guest reads its own memory only")
    }

    @Test(
        "a device retired in the middle of a session is let go of, and can be published again",
        arguments: BothSides.LinkKind.allCases)
    func retire(kind: BothSides.LinkKind) throws {
        let sides = try BothSides(kind)
        try sides.runUntilRunning()
        let client = try sides.connect()
        #expect(try sides.ask(client, .clunk(fid: .none)) == .clunk)
        let outcomes = Outcomes()
        try sides.host.retire("share") { outcomes.removals.append($0) }
        try sides.run { !outcomes.removals.isEmpty }
        #expect(outcomes.removals == [.released])
        #expect(sides.guest.snapshots.isEmpty && sides.guest.quarantinedByteCount == 0)
        try sides.publish()
        try sides.runUntilRunning()
    }

    @Test(
        "a reset asked for by the guest, and one by the host, end in a running device",
        arguments: BothSides.LinkKind.allCases)
    func reset(kind: BothSides.LinkKind) throws {
        let sides = try BothSides(kind)
        try sides.runUntilRunning()
        let lives = sides.model.lifeCount
        try sides.guest.reset("9p0")
        try sides.run { sides.model.lifeCount == lives + 1 && sides.isRunning }
        try sides.host.reset("share")
        try sides.run { sides.model.lifeCount == lives + 2 && sides.isRunning }
        #expect(sides.guest.quarantinedByteCount == 0 && sides.host.quarantinedByteCount == 0)
    }

    @Test("a config change is acknowledged")
    func configChange() throws {
        let sides = try BothSides(.loopback)
        try sides.runUntilRunning()
        let outcomes = Outcomes()
        try sides.host.changeConfig(of: "share", to: BothSides.config("other")) {
            outcomes.changes.append($0)
        }
        try sides.run { !outcomes.changes.isEmpty }
        #expect(outcomes.changes == [.acknowledged])
    }

    @Test("a guest that goes lets go of everything; the next finds it again")
    func unload() throws {
        let sides = try BothSides(.loopback)
        try sides.runUntilRunning()
        sides.guest.unload()
        try sides.run { sides.guest.isUnloaded }
        sides.guest.stop()
        try sides.makeGuest()
        try sides.runUntilRunning()
        #expect(sides.host.quarantinedByteCount == 0)
    }

    @Test("a host that goes is let go of, and its devices are gone from the guest")
    func shutDown() throws {
        let sides = try BothSides(.sharedMemory)
        try sides.runUntilRunning()
        let outcomes = Outcomes()
        sides.host.shutDown { outcomes.isShutDown = true }
        try sides.run { outcomes.isShutDown }
        #expect(sides.guest.snapshots.isEmpty)
        #expect(sides.host.quarantinedByteCount == 0)
    }

    @Test(
        "either side's link may go and come back; the device runs again",
        arguments: BothSides.LinkKind.allCases, Side.allCases)
    func linkReturns(kind: BothSides.LinkKind, side: Side) throws {
        let sides = try BothSides(kind)
        try sides.runUntilRunning()
        let lives = sides.model.lifeCount
        let link: any Link = side == .host ? sides.hostLink : sides.guestLink
        link.stop()
        try link.start()
        try sides.run { sides.model.lifeCount == lives + 1 && sides.isRunning }
        let client = try sides.connect()
        #expect(try sides.ask(client, .clunk(fid: .none)) == .clunk)
    }

    private final class Outcomes {
        var removals: [RemovalOutcome] = []
        var changes: [ConfigChangeOutcome] = []
        var isShutDown = false
    }
}

/// A 9p server's answers, from a real host-backend's queue.
final class FakeServerModel: HostDeviceModel {
    private final class Held {
        var queue: DeviceQueue
        init(_ queue: consuming DeviceQueue) { self.queue = queue }
    }

    private var held: Held?
    private var line: DriverLine?
    private(set) var negotiated: FeatureSet?
    private(set) var lifeCount = 0
    let queueStatistics: [QueueStatistics] = []

    func activate(_ queues: consuming ActiveQueues, driver: DriverLine) {
        negotiated = queues.negotiated
        held = Held(queues.take(0))
        line = driver
        lifeCount += 1
    }

    func service() {
        guard let held else { return }
        do throws(PeerViolation) {
            repeat {
                while let chain = try held.queue.takeChain() { answer(chain, held) }
                if held.queue.publishUsed() { line?.notifyDriver() }
            } while held.queue.enableNotifications()
        } catch { line?.declareBroken(.peer(error)) }
    }

    private func answer(_ chain: DescriptorChain, _ held: Held) {
        var reader = held.queue.reader(of: chain)
        var writer = held.queue.writer(of: chain)
        let frame = held.queue.bytes(from: &reader)
        let reply = NinePBench.reply(to: frame)
        held.queue.complete(chain, written: UInt32(held.queue.copy(reply.span, to: &writer)))
    }

    func reset() { held = nil }
    func remove() { held = nil }
}

final class BothSides {
    enum LinkKind: String, CaseIterable, Sendable { case loopback, sharedMemory, ivshmem }

    let hostLink: any Link
    let guestLink: any Link
    let host: HostBackend
    private(set) var guest: GuestBackend
    let model = FakeServerModel()
    private let directory: String

    static func config(_ tag: String) -> [UInt8] { [UInt8(tag.utf8.count), 0] + Array(tag.utf8) }

    init(_ kind: LinkKind) throws {
        directory = "/tmp/vop-both-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        try #require(unsafe mkdir(directory, 0o700) == 0)
        switch kind {
        case .loopback:
            let ends = try LoopbackLink.pair()
            (hostLink, guestLink) = (ends.host, ends.guest)
        case .sharedMemory:
            let settings = SharedMemorySettings(
                socketPath: directory + "/link", windowByteCount: 4 << 20, firstRetry: .milliseconds(1),
                longestRetry: .milliseconds(10))
            hostLink = try SharedMemoryLink(.host, settings)
            guestLink = try SharedMemoryLink(.guest, settings)
        case .ivshmem:
            let socket = IvshmemSocketSettings(
                socketPath: directory + "/link", byteCount: 4 << 20, vectorCount: 2,
                firstRetry: .milliseconds(1), longestRetry: .milliseconds(10))
            let settings = IvshmemSettings(firstRetry: .milliseconds(1), longestRetry: .milliseconds(10))
            hostLink = try IvshmemLink(.host, over: IvshmemServer(socket), settings)
            guestLink = try IvshmemLink(.guest, over: IvshmemMember(socket), settings)
        }
        host = HostBackend(link: hostLink)
        guest = try Self.guest(on: guestLink, directory)
        try guestLink.start()
        try hostLink.start()
        try publish()
    }

    deinit {
        for name in ["share.sock", "other.sock", "link"] { unsafe _ = unlink("\(directory)/\(name)") }
        unsafe _ = rmdir(directory)
    }

    private static func guest(on link: any Link, _ directory: String) throws -> GuestBackend {
        GuestBackend(link: link, drivers: [.ninep(NinePSettings(directory: directory))])
    }

    /// The next guest, on the same link, started anew.
    func makeGuest() throws {
        guest = try Self.guest(on: guestLink, directory)
        try guestLink.start()
    }

    func publish() throws {
        let description = try DeviceDescription(
            type: .ninep, queueSizes: [64], offered: [.version1, .ninepMountTag], config: Self.config("share")
        )
        try host.publish(description, name: "share", model: model)
    }

    var isRunning: Bool {
        guest.snapshots.first?.state == .running && host.snapshots.first?.state == .running
    }
    func runUntilRunning() throws { try run { isRunning } }

    func run(until isSo: () throws -> Bool) throws {
        let limit = ContinuousClock.Instant.now + HangGuard.limit
        let poller = try Poller()
        try poller.add(host.pollDescriptor, .readable, token: 0)
        try poller.add(guest.pollDescriptor, .readable, token: 1)
        while try !isSo() {
            try #require(.now < limit, "not in time")
            try host.service()
            try guest.service()
            let next = [host.nextDeadline, guest.nextDeadline].compactMap { $0 }.min() ?? limit
            _ = try poller.wait(for: min(next - .now, .milliseconds(1)))
        }
    }

    func connect() throws -> PlainClient {
        let client = PlainClient(
            try Socket.connected(.stream, to: directory + "/share.sock"))
        let version = Request.version(maximumMessageSize: 65536, version: Protocol9P.version)
        #expect(
            try ask(client, version, tag: .none)
                == .version(maximumMessageSize: 65536, version: Protocol9P.version))
        return client
    }

    func ask(
        _ client: PlainClient, _ request: Request, tag: NineP.Tag = NineP.Tag(rawValue: 1)
    ) throws -> Reply {
        var rest = request.encoded(tag: tag)[...]
        var frame: [UInt8]?
        try run {
            while !rest.isEmpty, case .moved(let count) = try client.socket.write(rest) {
                rest = rest.dropFirst(count)
            }
            frame = try client.nextFrame()
            return frame != nil
        }
        return try Reply.decode(untrusted: try #require(frame)).reply
    }
}

final class PlainClient {
    let socket: Socket
    private var received: [UInt8] = []

    init(_ socket: consuming Socket) { self.socket = socket }

    func nextFrame() throws -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 1 << 17)
        if case .moved(let count) = try socket.read(into: &buffer, from: 0) {
            received += buffer.prefix(count)
        }
        guard received.count >= 4 else { return nil }
        let size = (0..<4).reduce(0) { $0 | Int(received[$1]) << (8 * $1) }
        guard received.count >= size else { return nil }
        defer { received.removeFirst(size) }
        return Array(received.prefix(size))
    }
}
