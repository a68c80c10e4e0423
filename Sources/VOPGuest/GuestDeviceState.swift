public import DevicePage
public import Virtio

/// Where a device that a guest-backend found is.
///
/// ```
///   unbound ──bind──► settingUp ──host maps the used rings──► running
///      ▲                  │                                     │
///      └──── resetting ◄──┴── unbind, reset, remove, unload ────┘      failed ◄── rule broken, or no answer
/// ```
@frozen
public enum GuestDeviceState: String, Sendable, Hashable, CaseIterable {
    /// Found; no driver is bound.
    case unbound
    /// The host is asked to map the used rings.
    case settingUp = "setting-up"
    /// Its driver drives it.
    case running
    /// The host is asked to quiesce it.
    case resetting
    /// It is not driven any more; why is kept.
    case failed
}

/// A device as it is now, for those who look in.
public struct GuestDeviceSnapshot: Sendable, Hashable {
    public struct Queue: Sendable, Hashable {
        /// As the host stated it.
        public let size: UInt16
        public let ringAddress: UInt64
        /// Where our used ring is; 0 while the queue is not set up.
        public let usedAddress: UInt64
        public let isRunning: Bool
        /// Chains submitted and not come back.
        public let inFlightCount: Int
        public let notificationCount: UInt64
    }

    public let name: String
    public let type: DeviceType
    public let state: GuestDeviceState
    /// Why it failed; `nil` unless it has.
    public let failure: String?
    /// As we last wrote it.
    public let status: DeviceStatus
    public let offered: FeatureSet
    /// What was accepted; `nil` while nothing is.
    public let negotiated: FeatureSet?
    /// Where its slot is in the page.
    public let slot: PageOffset
    public let configSpace: [UInt8]
    public let queues: [Queue]
    /// The driver that is bound, or being bound.
    public let driver: String?
    /// What the driver gives to its users.
    public let outputs: [DriverOutput]
    /// Bytes of our window that it has.
    public let memoryByteCount: UInt64
}
