public import SharedMemory
public import Virtio
public import Virtqueue

/// What a device does with its queues: a backend, behind a copy file or inside the daemon. Written once; it cannot
/// tell whether its queues are rings of a link or a test's, and never sees a link, a page or a pointer.
///
/// ```
///   waiting ──activate──► running ──reset──► waiting …            remove: from either, for good
/// ```
///
/// Called on the link's own thread, and never twice at a time.
public protocol HostDeviceModel: AnyObject {
    /// The guest's driver is there (DRIVER_OK): the queues are the model's own until `reset` or `remove`.
    func activate(_ queues: consuming ActiveQueues, driver: DriverLine)

    /// It has written down what it did in that life, and can go on with it in another process: `activate` with
    /// queues that are `isResumed`.
    func remembers(life: UInt64) -> Bool

    /// The guest rang, for whichever queue: take what is there, without blocking.
    func service()

    /// Whether a queue has moved since the last `service()`; `nil` where the model cannot say, and then its guest always
    /// rings.
    var hasNews: Bool? { get }

    /// The life of these queues has ended, at the guest's wish or because it went or broke a rule. Drop them and
    /// whatever chains were taken; nothing may be written into them any more.
    func reset()

    /// The device is gone for good. Comes after `reset` where it was running.
    func remove()

    /// What the queues did, by index, over all lives; for those who look in.
    var queueStatistics: [QueueStatistics] { get }
}

extension HostDeviceModel {
    public func remembers(life: UInt64) -> Bool { false }
    public var hasNews: Bool? { nil }
}

/// A device's queues at the start of their life, or where an earlier process left them; each to be taken once.
public struct ActiveQueues: ~Copyable {
    /// What driver and device agreed on.
    public let negotiated: FeatureSet
    public let count: Int
    /// Names this life of the device among all that it ever has; never 0.
    public let life: UInt64
    /// The life began in an earlier process: chains may be in flight.
    public let isResumed: Bool
    private var queues: InlineArray<4, DeviceQueue?>

    init(negotiated: FeatureSet, count: Int, life: UInt64 = 1, isResumed: Bool = false) {
        precondition((1...4).contains(count), "a device has one to four queues")
        self.negotiated = negotiated
        self.count = count
        self.life = life
        self.isResumed = isResumed
        queues = InlineArray { _ in nil }
    }

    mutating func put(_ queue: consuming DeviceQueue, at index: Int) { queues[index] = consume queue }

    /// - Precondition: an index below `count` whose queue has not been taken.
    public mutating func take(_ index: Int) -> DeviceQueue {
        precondition(index < count, "no such queue")
        guard let queue = queues[index].take() else { preconditionFailure("queue \(index) was taken before") }
        return queue
    }
}

/// What a model may say to the driver's side and to its host while its queues live. After that it says nothing:
/// calls from an earlier life do no harm.
public final class DriverLine {
    private let notify: () -> Void
    private let broken: (DeviceFault) -> Void
    private(set) var isOpen = true
    /// Used-buffer notifications the model asked for.
    private(set) var notificationCount: UInt64 = 0

    init(notify: @escaping () -> Void, broken: @escaping (DeviceFault) -> Void) {
        self.notify = notify
        self.broken = broken
    }

    /// Rings the driver: it asked to hear of used buffers (`publishUsed` said so). One doorbell for all queues.
    public func notifyDriver() {
        guard isOpen else { return }
        notificationCount &+= 1
        notify()
    }

    /// The device cannot go on: its driver broke a rule, or its backend gave up. It stops serving, and is taken
    /// off the page and published again, from the host's next `service()` on.
    public func declareBroken(_ fault: DeviceFault) {
        guard isOpen else { return }
        broken(fault)
    }

    func close() { isOpen = false }
}

/// Why a device needs a reset, and whose fault it is.
public enum DeviceFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// The guest broke a rule.
    case peer(PeerViolation)
    /// The device's own backend said so: why, for people.
    case backend(String)
    /// Somebody asked for it.
    case requested

    public var description: String {
        switch self {
        case .peer(let violation): "the guest broke a rule: \(violation)"
        case .backend(let reason): "the backend gave up: \(reason)"
        case .requested: "a reset was asked for"
        }
    }
}

/// What one queue did since the device was made.
public struct QueueStatistics: Sendable, Hashable {
    /// Chains taken from the driver.
    public var chainsTaken: UInt64 = 0
    /// Chains given back to it.
    public var chainsCompleted: UInt64 = 0
    /// Bytes read from the driver's buffers, and written into them.
    public var bytesRead: UInt64 = 0
    public var bytesWritten: UInt64 = 0
    /// Chains delivered to a backend a second time, or more often.
    public var redeliveries: UInt64 = 0
    /// Used-buffer notifications, and those the driver had asked not to get.
    public var notificationsSent: UInt64 = 0
    public var notificationsSuppressed: UInt64 = 0

    public init() {}
}
