import LinuxSystem
import SharedMemory
import SystemPackage

/// A memory file, mapped, with the descriptor that a peer is given: one of our own, or the peer's as we hold it; sealed
/// but for what a server that is not ours hands out.
final class SealedWindow {
    let window: MemoryWindow
    let identity: FileIdentity
    private let file: MemoryFile

    /// A new one of ours.
    convenience init(name: String, byteCount: Int) throws(Errno) {
        try self.init(try MemoryFile(name: name, byteCount: byteCount))
    }

    /// What somebody gave us.
    ///
    /// - Throws: as `MemoryFile(untrusted:announced:)`.
    convenience init(untrusted received: consuming OwnedDescriptor, announced byteCount: Int) throws(Errno) {
        try self.init(try MemoryFile(untrusted: received, announced: byteCount))
    }

    /// What somebody gave us that may have no seals: its pages may vanish at any time.
    ///
    /// - Throws: as `MemoryFile(foreign:)`.
    convenience init(foreign received: consuming OwnedDescriptor) throws(Errno) {
        try self.init(try MemoryFile(foreign: received))
    }

    private init(_ file: consuming MemoryFile) throws(Errno) {
        identity = try file.identity()
        window = unsafe MemoryWindow(try file.map())
        self.file = file
    }

    var rawDescriptor: CInt { file.descriptor.rawValue }
    var byteCount: Int { window.byteCount }
}
