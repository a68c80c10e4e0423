import Links
import LinuxSystem
import SharedMemory
import VOPGuest
import Virtio
import Virtqueue

/// The guest's side of one link, served by whoever calls: a driver that keeps a queue filled with chains of one shape.
final class BenchGuest {
    static let type: UInt8 = 42

    let link: SharedMemoryLink
    let backend: GuestBackend
    private let found: Found

    /// The drivers that were made, in order.
    private final class Found { var drivers: [BenchDriver] = [] }

    init(socket: String, windowByteCount: Int = 64 << 20) throws {
        guard let type = DeviceType(rawValue: Self.type) else { throw BenchFailure("no such device type") }
        link = try SharedMemoryLink(
            .guest, SharedMemorySettings(socketPath: socket, windowByteCount: windowByteCount))
        let found = Found()
        self.found = found
        backend = GuestBackend(
            link: link,
            drivers: [
                GuestDriverKind(name: "bench", type: type, features: [], queueCount: 1) {
                    device throws(GuestDriverError) in
                    let driver = BenchDriver(device)
                    found.drivers.append(driver)
                    return driver
                }
            ])
        try link.start()
    }

    var drivers: [BenchDriver] { found.drivers }

    var runningCount: Int { backend.snapshots.count { $0.state == .running } }

    /// Waits for that many devices.
    func awaitDevices(_ count: Int) throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while runningCount < count {
            guard ContinuousClock.now < deadline else { throw BenchFailure("\(count) devices did not come") }
            try serve(for: .milliseconds(10))
        }
    }

    func serve(for limit: Duration) throws {
        try link.wait(for: limit)
        try backend.service()
    }
}

/// Submits chains of one descriptor that all name the same bytes. Used by the thread that serves its link.
final class BenchDriver: GuestDriver {
    private let device: BoundDevice
    private(set) var completedCount = 0

    init(_ device: BoundDevice) { self.device = device }

    var inFlightCount: Int { device.queues[0].ring.inFlightCount }

    func service() throws(GuestDriverError) {}
    func stop() {}

    func allocate(byteCount: Int) throws -> GuestBuffer { try device.allocate(byteCount: byteCount) }

    /// Takes back what came, asks to be told of more, and submits until `depth` chains are in flight.
    func turn(_ range: PeerRange, isWritable: Bool, depth: Int = 128) throws {
        let queue = device.queues[0]
        completedCount += try Self.turn(&queue.ring, range, isWritable, depth)
        queue.publish()
    }

    @inline(never)
    private static func turn(
        _ ring: inout DriverQueue, _ range: PeerRange, _ isWritable: Bool, _ depth: Int
    ) throws(PeerViolation) -> Int {
        var count = 0
        repeat {
            count += try ring.takeAllUsed { _ in }
        } while ring.enableNotifications()
        let room = depth - ring.inFlightCount
        _ =
            isWritable
            ? ring.submitWritable(count: room) { _ in (range, 0) }
            : ring.submitReadable(count: room) { _ in (range, 0) }
        return count
    }
}
