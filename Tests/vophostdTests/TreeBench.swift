import ControlTree
import Links
import LinuxSystem
import SharedMemory
import Synchronization
import SystemPackage
import TestSupport
import Testing
import VOPGuest
import VOPHost
import Virtio
import Virtqueue

@testable import vophostd

/// A host-backend with its device directory, and a whole guest-backend, on a loopback link; no mount.
final class TreeBench {
    let backend: HostBackend
    let devices: DeviceDirectory
    let tree: Tree
    private(set) var guest: GuestBackend
    private let meeting: LoopbackMeeting
    private let log: Log
    static let requester = Requester(user: 1000, group: 1000, process: 1)

    final class Log {
        var events: [HostEvent] = []
        var clients: [EchoClient] = []
        weak var devices: DeviceDirectory?
    }

    init(isMet: Bool = true) throws {
        meeting = try LoopbackMeeting()
        let host = LoopbackLink(.host, at: meeting)
        let log = Log()
        backend = HostBackend(
            link: host,
            events: { event in
                log.events.append(event)
                log.devices?.note(event)
            })
        devices = DeviceDirectory(backend: backend)
        tree = Tree(root: devices.node)
        log.devices = devices
        self.log = log
        guest = GuestBackend(link: LoopbackLink(.guest, at: meeting), drivers: [Self.driver(log)])
        host.start()
        if isMet { try meet() }
    }

    /// With a 9p device staged.
    static func share(isMet: Bool = true) throws -> TreeBench {
        let bench = try TreeBench(isMet: isMet)
        try bench.mkdir("share")
        #expect(try bench.echo("9p", "share/type").isDone)
        #expect(try bench.echo("export", "share/tag").isDone)
        return bench
    }

    /// With a device that the guest drives.
    static func driven() throws -> TreeBench {
        let bench = try share()
        #expect(try bench.echo("1", "share/published").isDone)
        #expect(try bench.run { try bench.cat("share/state") == "running" })
        return bench
    }

    private static func driver(_ log: Log) -> GuestDriverKind {
        GuestDriverKind(name: "echo", type: .ninep, features: .ninepMountTag, queueCount: 1) {
            device throws(GuestDriverError) in
            let client = try EchoClient(device)
            log.clients.append(client)
            return client
        }
    }

    var events: [HostEvent] { log.events }
    /// Of the device that was bound last.
    var client: EchoClient? { log.clients.last }
    var clientCount: Int { log.clients.count }

    func meet() throws {
        try guest.link.start()
        try run()
    }

    /// The guest's process dies, and another is started but has not met the host yet.
    func replaceGuest() throws {
        guest.link.stop()
        guest = GuestBackend(link: LoopbackLink(.guest, at: meeting), drivers: [Self.driver(log)])
    }

    func run() throws {
        for _ in 0..<20 {
            try backend.service()
            try guest.service()
        }
    }

    /// Runs both sides, sleeping as a loop would, until `condition` holds.
    ///
    /// - Returns: false when it did not within the hang guard.
    func run(until condition: () throws -> Bool) throws -> Bool {
        let end = ContinuousClock.now + HangGuard.limit
        let poller = try Poller()
        try poller.add(backend.pollDescriptor, .readable, token: 0)
        try poller.add(guest.pollDescriptor, .readable, token: 1)
        while try !condition() {
            guard ContinuousClock.now < end else { return false }
            let deadline = [backend.nextDeadline, guest.nextDeadline, end].compactMap(\.self).min() ?? end
            _ = try poller.wait(for: deadline - .now)
            try backend.service()
            try guest.service()
        }
        return true
    }

    // MARK: What a shell does

    func mkdir(_ path: String) throws {
        let (parent, name) = split(path)
        _ = try directory(parent).make(name, for: Self.requester)
    }

    func rmdir(_ path: String) throws -> Answer {
        let (parent, name) = split(path)
        let answer = Answer()
        try directory(parent).remove(name, answering: answer.change)
        return answer
    }

    func cat(_ path: String) throws -> String {
        let read = TestRead()
        try open(path, .reading).read(read, at: 0)
        let text = String(decoding: try read.result(), as: UTF8.self)
        return text.hasSuffix("\n") ? String(text.dropLast()) : text
    }

    func bytes(_ path: String) throws -> [UInt8] {
        let read = TestRead()
        try open(path, .reading).read(read, at: 0)
        return try read.result()
    }

    @discardableResult
    func echo(_ text: String, _ path: String) throws -> Answer { try write(Array((text + "\n").utf8), path) }

    @discardableResult
    func write(_ bytes: [UInt8], _ path: String, at offset: UInt64 = 0) throws -> Answer {
        let answer = Answer()
        _ = try unsafe open(path, .writing).write(bytes.span.bytes, at: offset, isNonBlocking: false) {
            answer.change
        }
        return answer
    }

    func open(_ path: String, _ access: Opening.Access) throws -> any OpenNode {
        guard let node = node(path) else { throw Errno.noSuchFileOrDirectory }
        return try node.open(Opening(access, by: Self.requester, Ready()))
    }

    func exists(_ path: String) -> Bool { node(path) != nil }

    func node(_ path: String) -> Node? {
        path.split(separator: "/").reduce(devices.node as Node?) { ($0 as? Directory)?[String($1)] }
    }

    private func directory(_ path: String) throws -> Directory {
        guard let directory = node(path) as? Directory else { throw Errno.noSuchFileOrDirectory }
        return directory
    }

    private func split(_ path: String) -> (String, String) {
        let parts = path.split(separator: "/").map(String.init)
        return (parts.dropLast().joined(separator: "/"), parts.last ?? "")
    }
}

/// What became of a change.
final class Answer: Sendable {
    private let state = Mutex<(isAnswered: Bool, refusal: Refusal?)>((false, nil))

    var change: PendingChange {
        PendingChange(TreeBench.requester) { [self] refusal in state.withLock { $0 = (true, refusal) } }
    }

    var isAnswered: Bool { state.withLock { $0.isAnswered } }
    /// True when it was made.
    var isDone: Bool { state.withLock { $0.isAnswered && $0.refusal == nil } }
    var errno: Errno? { state.withLock { $0.refusal?.errno } }
    var message: String { state.withLock { $0.refusal?.message ?? "" } }
}

private final class Ready: ReadinessSignal {
    func changed() {}
}

/// A read whose answer the test looks at.
final class TestRead: PendingRead, Sendable {
    let byteCount = 65536
    let isNonBlocking: Bool
    let requester = TreeBench.requester
    private let answer = Mutex<Result<[UInt8], Errno>?>(nil)
    private let interrupt = Mutex<(@Sendable () -> Void)?>(nil)
    private let isGivenUp = Mutex(false)

    init(isNonBlocking: Bool = false) { self.isNonBlocking = isNonBlocking }

    var isOver: Bool { answer.withLock { $0 != nil } || isGivenUp.withLock { $0 } }

    func reply(_ bytes: RawSpan) -> Bool { reply((0..<bytes.byteCount).map { bytes.unsafeLoadByte($0) }) }

    func reply(_ bytes: [UInt8]) -> Bool {
        guard !isOver else { return false }
        answer.withLock { $0 = .success(bytes) }
        return true
    }

    func reply(_ header: [UInt8], slices: [WindowSlice], of space: AddressSpace) -> Bool {
        reply(
            slices.reduce(header) {
                $0 + space.window(of: $1).bytes(at: $1.offset, byteCount: $1.byteCount)
            })
    }

    func fail(_ errno: Errno) -> Bool {
        guard !isOver else { return false }
        answer.withLock { $0 = .failure(errno) }
        return true
    }

    func onInterrupt(_ body: @escaping @Sendable () -> Void) { interrupt.withLock { $0 = body } }

    func giveUp() {
        isGivenUp.withLock { $0 = true }
        interrupt.withLock { $0.take() }?()
    }

    /// - Throws: what it was refused with; `EAGAIN` while it waits.
    func result() throws -> [UInt8] {
        guard let answer = answer.withLock({ $0 }) else { throw Errno.resourceTemporarilyUnavailable }
        return try answer.get()
    }
}

extension RawSpan {
    fileprivate func unsafeLoadByte(_ offset: Int) -> UInt8 { Span<UInt8>(_bytes: self)[offset] }
}

/// A driver that sends what it is told to and remembers what came back.
final class EchoClient: GuestDriver {
    private let device: BoundDevice
    private let request: GuestBuffer
    private let room: GuestBuffer
    private(set) var answers: [String] = []
    private(set) var configChanges: [[UInt8]] = []
    private(set) var isStopped = false

    init(_ device: BoundDevice) throws(GuestDriverError) {
        self.device = device
        request = try device.allocate(byteCount: 4096)
        room = try device.allocate(byteCount: 4096)
    }

    func send(_ text: String) throws {
        request.window.write(Array(text.utf8), at: 0)
        let queue = device.queues[0]
        queue.ring.begin(token: 1)
        _ = queue.ring.appendReadable(
            try PeerRange(untrustedAddress: request.range.address, byteCount: UInt64(text.utf8.count)))
        _ = queue.ring.appendWritable(room.range)
        queue.ring.commit()
        queue.publish()
    }

    func service() throws(GuestDriverError) {
        do throws(PeerViolation) {
            while let done = try device.queues[0].ring.takeUsed() {
                answers.append(
                    String(decoding: room.window.bytes(at: 0, byteCount: Int(done.written)), as: UTF8.self))
            }
        } catch { throw .peer(error) }
        _ = device.queues[0].ring.enableNotifications()
    }

    func configChanged() { configChanges.append(device.config()) }

    func stop() { isStopped = true }
}
