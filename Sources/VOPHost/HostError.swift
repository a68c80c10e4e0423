public import DevicePage
public import Links
public import SystemPackage

/// What a host-backend refuses, all of it the caller's doing or the machine's; nothing was changed.
public enum HostError: Error, Sendable, Hashable {
    case nameTaken(String)
    case noSuchDevice(String)
    /// The page has no run of adjacent holes that fits.
    case pageFull(PageError)
    /// The link's own windows have no room for the rings.
    case outOfMemory(byteCount: Int)
    /// Config space has another length than when the device was published.
    case configLength(Int, expected: Int)
    /// The device is being taken away.
    case retiring(String)
    /// The host is going down.
    case closing
    case link(LinkError)

    public var errno: Errno {
        switch self {
        case .nameTaken: .fileExists
        case .noSuchDevice: .noSuchFileOrDirectory
        case .pageFull: .noSpace
        case .outOfMemory: .noMemory
        case .configLength: .invalidArgument
        case .retiring: .resourceBusy
        case .closing: .operationNotSupportedByDevice
        case .link(.system(let errno, _)): errno
        case .link: .ioError
        }
    }
}

extension HostError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .nameTaken(let name): "device \(name) is there already; choose another name"
        case .noSuchDevice(let name): "there is no device \(name) on this link"
        case .pageFull(let error): error.description
        case .outOfMemory(let byteCount):
            "the link's windows have no \(byteCount) bytes free for rings; take a device off or use larger windows"
        case .configLength(let count, let expected):
            "config space of \(count) bytes is not allowed: this device was published with \(expected)"
        case .retiring(let name): "device \(name) is being taken off the page; wait until it is gone"
        case .closing: "the host is going down"
        case .link(let error): "the link failed: \(error)"
        }
    }
}
