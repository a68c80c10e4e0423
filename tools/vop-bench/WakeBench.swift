import BenchFloor
import Links
import LinuxSystem
import SharedMemory
import Synchronization
import Virtio
import Virtqueue

/// How long it takes to wake the other side of an `shm` link and to be woken by it; two threads, each with an end of its
/// own, on one processor or on two.
struct WakeBench {
    let extent: Extent
    let socketPath: String

    func run(_ report: inout Report) throws {
        let host = try PollingHost(socketPath)
        defer { host.end() }
        let guest = try SharedMemoryLink(
            .guest, SharedMemorySettings(socketPath: socketPath, windowByteCount: 1 << 20))
        try guest.start()
        defer { guest.stop() }
        while guest.state != .up {
            try guest.wait(for: .milliseconds(100))
            _ = try guest.service()
        }
        for (far, name) in [(0, "one processor"), (1, "two processors")] {
            try asleep(guest, host, far, name, &report)
        }
        try polling(guest, host, &report)
    }

    private func asleep(
        _ guest: SharedMemoryLink, _ host: PollingHost, _ far: Int, _ name: String,
        _ report: inout Report
    ) throws {
        let rounds = extent.count(far == 0 ? 2000 : 300, smoke: 20)
        let bell = guest.allocateDoorbell()
        host.work.withLock { $0 = .answer(cpu: CInt(far)) }
        var least = [Double.infinity, Double.infinity]
        for _ in 0..<extent.rounds {
            floor_pin(0, 0)
            // Woken once more, so that both are where they will be.
            try exchange(guest, bell, 1)
            least[0] = min(least[0], try Measure.time { try exchange(guest, bell, rounds) })
            let floor = floor_eventfd_ping_pong(UInt32(rounds), 0, CInt(far))
            least[1] = min(least[1], try Measure.checked(floor, "eventfd"))
        }
        floor_pin(0, -1)
        report.add(
            Row(
                work: "wake-up round trip over shm, peer asleep, \(name)", against: "eventfd, epoll, read",
                unit: "µs", ours: least[0] / Double(rounds) / 1e3, floor: least[1] / Double(rounds) / 1e3,
                aim: .atMost(1.1)))
    }

    private func exchange(
        _ guest: SharedMemoryLink, _ bell: DoorbellNumber, _ rounds: Int
    ) throws {
        for _ in 0..<rounds {
            guest.ring(bell)
            var isAnswered = false
            while !isAnswered {
                try guest.wait(for: nil)
                isAnswered = !(try guest.service().doorbells.isEmpty)
            }
        }
    }

    private func polling(_ guest: SharedMemoryLink, _ host: PollingHost, _ report: inout Report) throws {
        let rounds = extent.count(20_000, smoke: 200)
        let size = try QueueSize(untrusted: 256)
        let used = try guest.allocate(byteCount: 1 << 14, alignment: 4096)
        let buffer = try guest.allocate(byteCount: 4096, alignment: 64)
        var least = [Double.infinity, Double.infinity]
        for _ in 0..<extent.rounds {
            let region = host.takeRegion()
            var driver = try QueueSetup(
                size: size, ringRegion: region.address, usedRing: used.address, negotiated: []
            ).activate(asDriverWithRingsIn: guest.windows(of: .host), usedRingIn: guest.windows(of: .guest))
            driver.disableNotifications()
            host.poll(region, used, on: 1, rounds: rounds + 1)
            guest.ring(guest.allocateDoorbell())
            floor_pin(0, 0)
            try Self.pingPong(&driver, buffer, 1)
            least[0] = min(least[0], try Measure.time { try Self.pingPong(&driver, buffer, rounds) })
            host.awaitIdle()
            let floor = floor_ring_ping_pong(UInt32(rounds), 0, 1)
            least[1] = min(least[1], try Measure.checked(floor, "the C ring"))
        }
        floor_pin(0, -1)
        report.add(
            Row(
                work: "wake-up round trip over shm, peer polling, two processors", against: "C ring, polling",
                unit: "ns", ours: least[0] / Double(rounds), floor: least[1] / Double(rounds),
                aim: .atMost(1.1)))
    }

    @inline(never)
    private static func pingPong(_ driver: inout DriverQueue, _ buffer: PeerRange, _ rounds: Int)
        throws(PeerViolation)
    {
        let range = try PeerRange(untrustedAddress: buffer.address, byteCount: 64)
        for round in 0..<rounds {
            driver.begin(token: UInt64(round))
            _ = driver.appendReadable(range)
            driver.commit()
            _ = driver.publishAvailable()
            while try driver.takeUsed() == nil {}
        }
    }
}

/// The host's end on a thread of its own: answers doorbells, or serves a ring by looking at it all the time.
private final class PollingHost: Sendable {
    enum Work: Sendable {
        case answer(cpu: CInt)
        case poll(ring: PeerRange, used: PeerRange, cpu: CInt, rounds: Int)
        case end
    }

    let work = Mutex(Work.answer(cpu: 0))
    private let region = Mutex<PeerRange?>(nil)
    private let thread: Mutex<Thread?>
    private let bell: EventCounter

    init(_ socketPath: String) throws {
        bell = try EventCounter()
        thread = Mutex(nil)
        let started = try Thread("bench-host") { [self] in
            do { try serve(socketPath) } catch { fatalError("the bench's host ended: \(error)") }
        }
        thread.withLock { $0 = started }
    }

    func end() {
        work.withLock { $0 = .end }
        bell.signal()
        thread.withLock { $0.take() }?.join()
    }

    /// Memory for a ring in the host's window, once the two have met.
    func takeRegion() -> PeerRange {
        while true {
            if let range = region.withLock({ $0 }) { return range }
        }
    }

    func poll(_ ring: PeerRange, _ used: PeerRange, on cpu: CInt, rounds: Int) {
        work.withLock { $0 = .poll(ring: ring, used: used, cpu: cpu, rounds: rounds) }
    }

    func awaitIdle() {
        while true {
            if case .answer = work.withLock({ $0 }) { return }
        }
    }

    private func serve(_ socketPath: String) throws {
        let link = try SharedMemoryLink(
            .host, SharedMemorySettings(socketPath: socketPath, windowByteCount: 1 << 20))
        try link.start()
        defer { link.stop() }
        try link.watch(bell.rawDescriptor)
        var pinned: CInt = -1
        while true {
            try link.wait(for: nil)
            let events = try link.service()
            if events.peer == .arrived {
                let range = try link.allocate(byteCount: 1 << 14, alignment: 4096)
                region.withLock { $0 = range }
            }
            switch work.withLock({ $0 }) {
            case .end: return
            case .answer(let cpu) where !events.doorbells.isEmpty:
                if let first = DoorbellNumber(rawValue: 0) { link.ring(first) }
                guard cpu != pinned else { continue }
                floor_pin(0, cpu)
                pinned = cpu
            case .poll(let ring, let used, let cpu, let rounds) where !events.doorbells.isEmpty:
                floor_pin(0, cpu)
                pinned = cpu
                try servePolling(link, ring, used, rounds)
                work.withLock { $0 = .answer(cpu: cpu) }
            default: continue
            }
        }
    }

    private func servePolling(_ link: SharedMemoryLink, _ ring: PeerRange, _ used: PeerRange, _ rounds: Int)
        throws
    {
        var device = try QueueSetup(
            size: QueueSize(untrusted: 256), ringRegion: ring.address, usedRing: used.address, negotiated: []
        ).activate(
            asDeviceWithRingsIn: link.windows(of: .host), usedRingIn: link.windows(of: .guest),
            buffersIn: link.windows(of: .guest))
        device.disableNotifications()
        try Self.serveRing(&device, rounds)
    }

    @inline(never)
    private static func serveRing(_ device: inout DeviceQueue, _ rounds: Int) throws(PeerViolation) {
        var done = 0
        while done < rounds {
            guard let chain = try device.takeChain() else { continue }
            device.complete(chain, written: 0)
            _ = device.publishUsed()
            done += 1
        }
    }
}
