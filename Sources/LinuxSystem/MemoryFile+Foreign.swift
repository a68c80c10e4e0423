public import SystemPackage

/// Memory that somebody else's program made for several to map, and that may have no seals.
extension MemoryFile {
    private static let temporaryFileSystem: UInt32 = 0x0102_1994

    /// Adopts one as it is, with the size that it has.
    ///
    /// - Throws: `EINVAL` when it is no file of ordinary pages in memory (memfd, /dev/shm): any other might keep whoever
    ///   touches it waiting, or loses more than a page at a time (the fault of whoever sent it).
    public init(foreign received: consuming OwnedDescriptor) throws(Errno) {
        let status = try received.status()
        guard status.kind == .regular, try received.fileSystemStatus().type == Self.temporaryFileSystem,
            let byteCount = Int(exactly: status.size), byteCount > 0
        else { throw .invalidArgument }
        descriptor = received
        self.byteCount = byteCount
    }
}
