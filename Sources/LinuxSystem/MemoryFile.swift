import CLinux
public import SystemPackage

/// An anonymous memory file (memfd) sealed against shrinking, growing and unsealing, so that no mapping of it
/// can lose its pages.
public struct MemoryFile: ~Copyable, Sendable {
    public let descriptor: OwnedDescriptor
    public let byteCount: Int

    /// A new one, zeroed; `name` shows in /proc/PID/maps.
    public init(name: String, byteCount: Int) throws(Errno) {
        descriptor = OwnedDescriptor(
            owning: try checked(unsafe clinux_sealed_memory(name, UInt64(byteCount))))
        self.byteCount = byteCount
    }

    /// Adopts one received from a peer.
    ///
    /// - Throws: `EPERM` when a seal is missing, `EMSGSIZE` when its size is not the announced one, `EINVAL`
    ///   when it is no memory file, or one of huge pages, which a hole can take away: the peer's fault each time.
    public init(untrusted received: consuming OwnedDescriptor, announced byteCount: Int) throws(Errno) {
        _ = try checked(clinux_check_sealed_memory(received.rawValue, UInt64(byteCount)))
        descriptor = received
        self.byteCount = byteCount
    }

    /// A mapping of the whole file. No seal helps against a page that the machine loses: such a mapping says so.
    public borrowing func map() throws(Errno) -> Mapping {
        try unsafe Mapping(of: descriptor.rawValue, byteCount: byteCount, mayVanish: true)
    }

    /// Which file of this machine it is, whoever holds it: no other has the same as long as it lives.
    public borrowing func identity() throws(Errno) -> FileIdentity {
        let status = try descriptor.status()
        return FileIdentity(device: status.device, inode: status.inode)
    }
}

/// Names an inode of this machine.
public struct FileIdentity: Hashable, Sendable {
    public let device: UInt64
    public let inode: UInt64

    public init(device: UInt64, inode: UInt64) {
        self.device = device
        self.inode = inode
    }
}
