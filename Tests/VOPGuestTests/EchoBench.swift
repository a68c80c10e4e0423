import GuestTestSupport
import Links
import LinuxSystem
import SharedMemory
import Testing
import VOPGuest
import Virtio
import Virtqueue

/// Keeps requests in flight whose answers it knows: eight bytes, which come back as they were.
final class EchoDriver: GuestDriver {
    static let depth = 4
    private let device: BoundDevice
    private let buffers: [GuestBuffer]
    private var asked = [UInt64](repeating: 0, count: depth)
    private var idle = Array(0..<depth)
    private(set) var answeredCount = 0

    init(_ device: BoundDevice) throws(GuestDriverError) {
        self.device = device
        var buffers: [GuestBuffer] = []
        for _ in 0..<Self.depth { buffers.append(try device.allocate(byteCount: 16)) }
        self.buffers = buffers
    }

    func stop() {}

    func service() throws(GuestDriverError) {
        let queue = device.queues[0]
        do throws(PeerViolation) {
            repeat {
                while let completion = try queue.ring.takeUsed() {
                    let number = Int(completion.token)
                    guard completion.written == 8, buffers[number].window.load64(at: 8) == asked[number]
                    else {
                        throw .meeting("a wrong answer")
                    }
                    answeredCount += 1
                    idle.append(number)
                }
            } while queue.ring.enableNotifications()
            while let number = idle.popLast() { try ask(number, queue) }
        } catch { throw .peer(error) }
        queue.publish()
    }

    private func ask(_ number: Int, _ queue: GuestQueue) throws(PeerViolation) {
        let buffer = buffers[number]
        asked[number] &+= UInt64(number + 1)
        buffer.window.store64(asked[number], at: 0)
        queue.ring.begin(token: UInt64(number))
        _ = queue.ring.appendReadable(
            try PeerRange(untrustedAddress: buffer.range.address, byteCount: 8))
        _ = queue.ring.appendWritable(
            try PeerRange(untrustedAddress: buffer.range.address + 8, byteCount: 8))
        queue.ring.commit()
    }
}

/// The honest half of a hostile host: one device whose every request it answers.
final class EchoServer {
    let device: ScriptedHost.Device
    private let host: ScriptedHost
    private var ring: DeviceQueue

    init(_ device: ScriptedHost.Device, of host: ScriptedHost) throws {
        self.device = device
        self.host = host
        ring = try host.activate(0, of: device)
    }

    func serve() throws {
        while let chain = try ring.takeChain() {
            var reader = ring.reader(of: chain)
            let bytes = ring.bytes(from: &reader)
            var writer = ring.writer(of: chain)
            let count = ring.copy(bytes.span, to: &writer)
            ring.complete(chain, written: UInt32(count))
        }
        if ring.publishUsed() { host.ring(device) }
    }
}

/// A guest-backend with devices under traffic, and a scripted host.
final class EchoBench {
    let host: ScriptedHost
    let guest: GuestBackend
    private let log: Log

    private final class Log {
        var now = ContinuousClock.Instant.now
        var events: [GuestEvent] = []
        var drivers: [String: EchoDriver] = [:]
    }

    var events: [GuestEvent] { log.events }

    init() throws {
        let ends = try LoopbackLink.pair()
        let log = Log()
        let kind = GuestDriverKind(name: "echo", type: .entropy, features: [], queueCount: 1) {
            device throws(GuestDriverError) in
            let driver = try EchoDriver(device)
            log.drivers[device.name] = driver
            return driver
        }
        self.log = log
        host = ScriptedHost(ends.host)
        guest = GuestBackend(
            link: ends.guest, drivers: [kind], clock: { log.now }, events: { log.events.append($0) })
        ends.guest.start()
        try meet()
    }

    /// The host comes, with a page of its own.
    func meet() throws {
        host.link.start()
        _ = try host.link.service()
        try host.format()
        try settle()
        pass(.seconds(1))
        try settle()
        #expect(guest.devicePage != nil)
    }

    func pass(_ time: Duration) { log.now += time }
    func settle() throws { for _ in 0..<3 { try guest.service() } }
    func state(_ name: String) throws -> GuestDeviceState { try guest.snapshot(of: name).state }
    func answeredCount(of name: String) -> Int { log.drivers[name]?.answeredCount ?? 0 }

    func ringEverything() {
        for number in 0..<16 { if let number = DoorbellNumber(rawValue: number) { host.link.ring(number) } }
    }

    /// A device seen through to running, and who answers its requests.
    func runningDevice(_ name: String) throws -> EchoServer {
        let device = try host.publish(.entropy)
        try settle()
        return try run(device, name)
    }

    /// Answers what a guest that sets a device up waits for.
    func run(_ device: ScriptedHost.Device, _ name: String) throws -> EchoServer {
        try host.acceptUsedRings(of: device)
        let server = try EchoServer(device, of: host)
        try settle()
        try #require(try state(name) == .running)
        try server.serve()
        try settle()
        try #require(answeredCount(of: name) >= EchoDriver.depth)
        return server
    }
}
