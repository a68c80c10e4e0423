import CLinux
import Glibc
public import SystemPackage

/// A process that need not be ours, until it has ended. While it is watched its number means nobody else.
public final class WatchedProcess: Sendable {
    public let identifier: CInt
    private let descriptor: OwnedDescriptor

    /// - Throws: `ESRCH` when there is none of that number, `EINVAL` for a number of none.
    public init(_ identifier: CInt) throws(Errno) {
        descriptor = OwnedDescriptor(owning: try checked(clinux_pidfd_open(identifier)))
        self.identifier = identifier
    }

    /// Readable when it has ended.
    public var pollDescriptor: CInt { descriptor.rawValue }

    public var hasEnded: Bool {
        var entry = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
        // SAFETY: one entry of this call's own.
        return unsafe poll(&entry, 1, 0) > 0
    }
}

extension UnixSocket {
    /// The process that connected; `nil` when the kernel does not tell, as across PID namespaces, or it has ended.
    public borrowing func peerProcess() -> WatchedProcess? {
        guard let peer = try? peerCredentials(), peer.process > 0 else { return nil }
        return try? WatchedProcess(peer.process)
    }
}
