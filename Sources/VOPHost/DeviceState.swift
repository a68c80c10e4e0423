public import Virtio

/// Where a device that a host-backend holds is.
///
/// ```
///   waiting ──link up──► published ──DRIVER_OK──► running
///      ▲ ◄──link gone── (any)  ▲  ◄──guest resets──┘ │
///      │                       └── needsReset ◄──────┘ rule broken
///   retire: (any) ──► retiring ──► gone
/// ```
@frozen
public enum DeviceState: String, Sendable, Hashable, CaseIterable {
    /// Held; the link has no peer.
    case waiting
    /// The page, or the link's memory, has no room; tried again when something is freed.
    case noRoom = "no-room"
    /// On the page; no driver yet.
    case published
    /// A driver drives it.
    case running
    /// Stopped because its guest broke a rule; being taken off the page, or waiting to be published again.
    case needsReset = "needs-reset"
    /// Being taken off the page for good.
    case retiring
    /// The guest held on to too many of its rings; not published again until the link goes.
    case quarantined
}

/// A device as it is now, for those who look in.
public struct DeviceSnapshot: Sendable, Hashable {
    public struct Queue: Sendable, Hashable {
        public let size: QueueSize
        /// Where the ring region is, while the device is on the page.
        public let ringAddress: UInt64?
        /// Where the guest put the used ring, once it has said so.
        public let usedAddress: UInt64?
        public let isRunning: Bool
        public let statistics: QueueStatistics
    }

    public let name: String
    public let type: DeviceType
    public let state: DeviceState
    /// As last seen and accepted; empty while the device is not on the page.
    public let status: DeviceStatus
    public let offered: FeatureSet
    /// `nil` until the driver has finished with them.
    public let negotiated: FeatureSet?
    /// Offset of the slot in the page, while it is there.
    public let slot: Int?
    public let configSpace: [UInt8]
    public let queues: [Queue]
    /// Why it last needed a reset.
    public let lastFault: DeviceFault?
    /// How often the guest reset it.
    public let resetCount: UInt64
    /// Rings of it that are out of use because the guest did not let go.
    public let quarantineCount: Int
}
