import Glibc
public import SystemPackage

/// A BAR of a PCI function as a file of sysfs (`resourceN`), which maps it without any driver.
public final class ResourceFile: Sendable {
    private let descriptor: OwnedDescriptor

    /// - Throws: `EAGAIN` when another process of ours has it; what opening says.
    public init(_ path: String) throws(Errno) {
        // SAFETY: a string of this process, lent for the call.
        let opened = unsafe open(path, O_RDWR | O_CLOEXEC | O_SYNC)
        guard opened >= 0 else { throw Errno(rawValue: errno) }
        descriptor = OwnedDescriptor(owning: opened)
        // Nothing else keeps two processes from taking one function for their own.
        try descriptor.setWholeFileLock(.write)
    }

    /// Bytes of the BAR.
    public func byteCount() throws(Errno) -> UInt64 { try descriptor.status().size }

    /// Maps `byteCount` bytes from `offset` on, a page's start.
    public func map(at offset: UInt64 = 0, byteCount: Int) throws(Errno) -> Mapping {
        guard let start = Int64(exactly: offset) else { throw .invalidArgument }
        return try unsafe Mapping(of: descriptor.rawValue, at: start, byteCount: byteCount, mayVanish: true)
    }
}
