public import SystemPackage
public import Virtio

/// What a guest-backend refuses, all of it the caller's doing; nothing was changed.
public enum GuestError: Error, Sendable, Hashable, CustomStringConvertible {
    case noSuchDevice(String)
    case noSuchDriver(String, known: [String])
    /// The driver drives another type of device.
    case wrongType(driver: String, drives: DeviceType, device: String, is: DeviceType)
    /// A driver is bound already, or a handshake with the host is under way.
    case busy(String, state: GuestDeviceState)
    /// No driver is bound.
    case notBound(String)
    /// The host did not answer an earlier handshake: until it removes the device, or the link goes, nothing may be
    /// asked of it.
    case unanswered(String)
    /// The host is away, and may come back to its devices as they are.
    case hostAway
    /// The guest is going down.
    case unloading

    public var errno: Errno {
        switch self {
        case .noSuchDevice: .noSuchFileOrDirectory
        case .noSuchDriver, .wrongType: .invalidArgument
        case .busy: .resourceBusy
        case .notBound: .operationNotSupportedByDevice
        case .unanswered: .ioError
        case .hostAway: .socketNotConnected
        case .unloading: .socketShutdown
        }
    }

    public var description: String {
        switch self {
        case .noSuchDevice(let name): "there is no device \(name) on this link"
        case .noSuchDriver(let name, let known):
            "there is no driver '\(name)'; write \(known.joined(separator: " or "))\(known.isEmpty ? "" : ", or ")an empty line to unbind"
        case .wrongType(let driver, let drives, let device, let type):
            "driver \(driver) drives devices of type \(drives); \(device) is of type \(type)"
        case .busy(let name, let state): "device \(name) is \(state.rawValue); unbind it first, or wait"
        case .notBound(let name): "device \(name) has no driver"
        case .unanswered(let name):
            "the host did not answer for device \(name); it has to remove it, or the link has to be taken down"
        case .hostAway: "the host is away; wait until it is back, or take the link down"
        case .unloading: "the guest is going down"
        }
    }
}
