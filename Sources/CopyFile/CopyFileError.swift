public import SystemPackage

/// What a backend must tell apart, named after what it has to do next.
public enum CopyFileError: Error, Hashable, Sendable, CustomStringConvertible {
    /// ESTALE: the driver reset the device. Forget every chain of before; the next `receive` waits for the next life.
    case reset
    /// ENODEV: the device was removed, for good. Close.
    case removed
    /// ECONNABORTED, ENOTCONN: the daemon that served the file is gone. Open it again by path.
    case disconnected
    /// EINVAL, EALREADY, EPERM, EMSGSIZE: the batch broke a rule and nothing of it was applied. Our own fault.
    case refused(Errno)
    /// What was read is no batch: the daemon's fault.
    case malformed(BatchError)
    case system(Errno)

    public init(_ errno: Errno) {
        switch errno {
        case .staleNFSFileHandle: self = .reset
        case .operationNotSupportedByDevice: self = .removed
        case .connectionAbort, .socketNotConnected: self = .disconnected
        case .invalidArgument, .alreadyInProcess, .notPermitted, .messageTooLong: self = .refused(errno)
        default: self = .system(errno)
        }
    }

    public var description: String {
        switch self {
        case .reset: "the device was reset"
        case .removed: "the device was removed"
        case .disconnected: "the daemon behind the copy file is gone"
        case .refused(let errno): "the copy file refused a batch: \(errno)"
        case .malformed(let error): "the copy file gave something that is no batch: \(error)"
        case .system(let errno): "the copy file failed: \(errno)"
        }
    }
}
