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

    /// When it was started, in the kernel's ticks since boot: with the number, it means one process of this machine's, ever.
    /// `nil` when it is gone.
    public var startTime: UInt64? {
        guard let bytes = try? ValueFile(reading: "/proc/\(identifier)/stat").contents(), !hasEnded else {
            return nil
        }
        // The second field is a name in brackets, which may hold anything; the start is the 22nd.
        let fields = String(decoding: bytes, as: UTF8.self).split(separator: ")").last?.split(separator: " ")
        guard let fields, fields.count > 19 else { return nil }
        return UInt64(fields[19])
    }

    /// Nothing happens to a process that has ended.
    public func signal(_ number: CInt) { _ = clinux_pidfd_signal(descriptor.rawValue, number) }

    public func signal(_ signal: Signal) { self.signal(signal.rawValue) }

    public var hasEnded: Bool {
        var entry = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
        // SAFETY: one entry of this call's own.
        return unsafe poll(&entry, 1, 0) > 0
    }
}

extension Socket {
    /// The process that connected; `nil` when the kernel does not tell, as across PID namespaces, or it has ended.
    public borrowing func peerProcess() -> WatchedProcess? {
        guard let peer = try? peerCredentials(), peer.process > 0 else { return nil }
        return try? WatchedProcess(peer.process)
    }
}
