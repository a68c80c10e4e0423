import Glibc
public import SystemPackage

/// A file descriptor with one owner, closed when the owner lets go.
@frozen
public struct OwnedDescriptor: ~Copyable, Sendable {
    public let rawValue: CInt

    /// Takes over `descriptor`; nobody else may close it from now on.
    public init(owning descriptor: CInt) { rawValue = descriptor }

    deinit { close(rawValue) }

    /// Gives the descriptor away without closing it.
    public consuming func release() -> CInt {
        let descriptor = rawValue
        discard self
        return descriptor
    }

    /// A second descriptor for the same open file (`F_DUPFD_CLOEXEC`).
    public borrowing func duplicate() throws(Errno) -> OwnedDescriptor {
        let copy = fcntl(rawValue, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw Errno(rawValue: errno) }
        return OwnedDescriptor(owning: copy)
    }
}
