import Glibc
public import SystemPackage

/// A file that a process maps and stores to, so that what it stored is there for its successor after a SIGKILL: the
/// stores need no system call. On tmpfs; nobody else writes it.
public struct MappedRecord: ~Copyable, Sendable {
    private let descriptor: OwnedDescriptor
    public let byteCount: Int

    /// Opens it, or makes it, zeroed, with all its memory: no later store can find none left.
    ///
    /// - Throws: `ENOSPC` and the like. One of another length is made anew.
    public init(at path: String, byteCount: Int) throws(Errno) {
        let opened = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard opened >= 0 else { throw Errno(rawValue: errno) }
        let file = OwnedDescriptor(owning: opened)
        if try file.status().size != UInt64(byteCount), ftruncate(opened, 0) != 0 {
            throw Errno(rawValue: errno)
        }
        let failure = posix_fallocate(opened, 0, off_t(byteCount))
        guard failure == 0 else { throw Errno(rawValue: failure) }
        descriptor = file
        self.byteCount = byteCount
    }

    public borrowing func map() throws(Errno) -> Mapping {
        try unsafe Mapping(of: descriptor.rawValue, byteCount: byteCount)
    }
}
