public import SharedMemory
public import SystemPackage
public import Virtio

/// A driver: drives one device for as long as it is bound to it. It sees queues, config space and memory; never the
/// page or the link.
///
/// ```
///   kind.make(device) ──► service() … configChanged() … service() ──► stop()
/// ```
/// Everything happens on the link's thread, and nothing blocks. Chains are submitted from `service()` on, when
/// DRIVER_OK is set; it is called once right after.
public protocol GuestDriver: AnyObject {
    /// Does what can be done now: takes used chains, serves the driver's own users, submits. Called when the device's
    /// doorbell rang (for whichever queue, or for nothing), when `pollDescriptor` is readable and when `nextDeadline`
    /// has come.
    ///
    /// - Throws: `.peer` when the host broke a rule, and what else makes it impossible to go on: the device fails.
    func service() throws(GuestDriverError)

    /// The config space has changed: read it again.
    func configChanged() throws(GuestDriverError)

    /// Lets go of queues and users for good: the device is being reset, or is gone. Memory from
    /// `BoundDevice.allocate` is not given back by the driver.
    func stop()

    /// One descriptor for all the driver's own, readable when one of them has something; the same until `stop()`.
    var pollDescriptor: CInt? { get }
    var nextDeadline: ContinuousClock.Instant? { get }

    /// It has asked the host for something that is still to come, and that somebody waits for; buffers that lie there for
    /// whatever may come are nothing of the kind.
    var isHostAwaited: Bool { get }

    /// What it gives to its users, by attribute name: `socket`, `tag`, `interface`…
    var outputs: [DriverOutput] { get }
}

extension GuestDriver {
    public var pollDescriptor: CInt? { nil }
    public var nextDeadline: ContinuousClock.Instant? { nil }
    public var isHostAwaited: Bool { false }
    public var outputs: [DriverOutput] { [] }
    public func configChanged() throws(GuestDriverError) {}
}

/// One thing a driver gives to its users.
public struct DriverOutput: Hashable, Sendable {
    public let name: String
    public let value: String

    public init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }
}

/// A kind of driver: what it drives, and how one is made.
public struct GuestDriverKind {
    /// What `driver` files hold: `9p`.
    public let name: String
    /// The virtio ID it is matched by.
    public let type: DeviceType
    /// The bits of its device type that it knows; those of the rings are added by the guest-backend.
    public let features: FeatureSet
    /// So many queues it needs at least.
    public let queueCount: Int
    let make: (BoundDevice) throws(GuestDriverError) -> any GuestDriver
    /// Goes on with a device that an earlier process drove, by what that one wrote down; `nil` where it cannot, and the
    /// device is reset.
    let resume: (BoundDevice) throws(GuestDriverError) -> (any GuestDriver)?

    public init(
        name: String, type: DeviceType, features: FeatureSet, queueCount: Int,
        make: @escaping (BoundDevice) throws(GuestDriverError) -> any GuestDriver,
        resume: @escaping (BoundDevice) throws(GuestDriverError) -> (any GuestDriver)? = { _ in nil }
    ) {
        self.name = name
        self.type = type
        self.features = features
        self.queueCount = queueCount
        self.make = make
        self.resume = resume
    }
}

/// Why a device cannot be driven (any longer).
public enum GuestDriverError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The host's fault.
    case peer(PeerViolation)
    /// This machine's.
    case system(Errno, during: String)
    /// The link's own window has no room: a larger one, or fewer devices, would help.
    case outOfMemory(byteCount: Int)
    /// The device lacks what the driver needs: what.
    case unsuitable(String)

    public var description: String {
        switch self {
        case .peer(let violation): "the host broke a rule: \(violation)"
        case .system(let errno, let action): "\(action): \(errno)"
        case .outOfMemory(let byteCount):
            "the link's own window has no \(byteCount) bytes free; use a larger one, or fewer devices"
        case .unsuitable(let reason): reason
        }
    }
}
