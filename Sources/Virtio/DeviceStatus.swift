/// The device status byte (VIRTIO 1.3, 2.1), and the steps a driver may take through it (3.1.1).
@frozen
public struct DeviceStatus: OptionSet, Hashable, Sendable, CustomStringConvertible {
    public let rawValue: UInt8
    @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// VIRTIO_CONFIG_S_ACKNOWLEDGE
    public static let acknowledge = DeviceStatus(rawValue: 1)
    /// VIRTIO_CONFIG_S_DRIVER
    public static let driver = DeviceStatus(rawValue: 2)
    /// VIRTIO_CONFIG_S_DRIVER_OK
    public static let driverOK = DeviceStatus(rawValue: 4)
    /// VIRTIO_CONFIG_S_FEATURES_OK
    public static let featuresOK = DeviceStatus(rawValue: 8)
    /// VIRTIO_CONFIG_S_NEEDS_RESET
    public static let needsReset = DeviceStatus(rawValue: 64)
    /// VIRTIO_CONFIG_S_FAILED
    public static let failed = DeviceStatus(rawValue: 128)

    @frozen
    public enum Step: Equatable, Sendable {
        /// Nothing new.
        case unchanged
        case accept(DeviceStatus)
        case reset
        /// A step the standard does not have; the device stops serving.
        case refuse
    }

    /// What a device makes of `written` while it is in this state. A driver that writes without reading back, and a
    /// device that sees the byte only when woken, may miss steps in between, so any later state on the one path is
    /// accepted; a state that is on no path, or behind, is refused. A legacy driver has no FEATURES_OK.
    public func step(to written: DeviceStatus) -> Step {
        if written == self { return .unchanged }
        if written.isEmpty { return .reset }
        if written.contains(.failed) { return .accept(written) }
        guard Self.path.contains(written), written.isSuperset(of: self.subtracting(.needsReset)) else {
            return .refuse
        }
        return .accept(written)
    }

    private static let path: [DeviceStatus] = [
        [.acknowledge],
        [.acknowledge, .driver],
        [.acknowledge, .driver, .featuresOK],
        [.acknowledge, .driver, .featuresOK, .driverOK],
        [.acknowledge, .driver, .driverOK],
    ]

    /// `none`, or the set bits' names joined by `+`, in the order of the bits.
    public var description: String {
        let names: [(DeviceStatus, String)] = [
            (.acknowledge, "acknowledge"), (.driver, "driver"), (.driverOK, "driver-ok"),
            (.featuresOK, "features-ok"), (.needsReset, "needs-reset"), (.failed, "failed"),
        ]
        let set = names.filter { contains($0.0) }.map(\.1)
        let unknown = rawValue & 0b0011_0000
        let all = unknown == 0 ? set : set + ["0x\(String(unknown, radix: 16))"]
        return all.isEmpty ? "none" : all.joined(separator: "+")
    }
}
