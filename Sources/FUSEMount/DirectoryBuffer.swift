internal import CFUSE
internal import Glibc

/// The entries that answer one `readdir`, packed as the kernel wants them.
///
/// Each carries the offset at which the next `readdir` goes on; offsets are the filesystem's own and never zero.
public struct DirectoryBuffer: ~Copyable {
    var bytes: [UInt8]
    var filled = 0

    /// - Parameter byteCount: what the request asked for.
    public init(byteCount: Int) { bytes = [UInt8](repeating: 0, count: max(0, byteCount)) }

    public var isEmpty: Bool { filled == 0 }

    /// Adds a name; false, and nothing added, when it does not fit.
    ///
    /// - Parameter mode: its type bits are enough.
    public mutating func add(_ name: FileName, inode: InodeNumber, mode: UInt32, nextOffset: UInt64) -> Bool {
        var attributes = stat()
        attributes.st_ino = ino_t(inode.rawValue)
        attributes.st_mode = mode
        return unsafe append(name) { buffer, capacity, name in
            unsafe fuse_add_direntry(nil, buffer, capacity, name, &attributes, off_t(clamping: nextOffset))
        }
    }

    /// Adds a name with its whole answer (`readdirplus`); each one added counts as a lookup, but for "." and "..".
    public mutating func addPlus(_ name: FileName, _ entry: Entry, nextOffset: UInt64) -> Bool {
        var parameters = entry.parameters
        return unsafe append(name) { buffer, capacity, name in
            unsafe fuse_add_direntry_plus(
                nil, buffer, capacity, name, &parameters, off_t(clamping: nextOffset))
        }
    }

    @unsafe
    private mutating func append(
        _ name: FileName, _ add: (UnsafeMutablePointer<CChar>?, Int, UnsafePointer<CChar>) -> Int
    ) -> Bool {
        let offset = filled
        let room = bytes.count - offset
        let needed = unsafe name.withCString { name in
            unsafe bytes.withUnsafeMutableBytes { buffer in
                // SAFETY: `room` bytes follow `offset`; libfuse writes nothing when the entry needs more.
                unsafe add(
                    buffer.baseAddress.map { unsafe ($0 + offset).assumingMemoryBound(to: CChar.self) }, room,
                    name)
            }
        }
        guard needed <= room else { return false }
        filled += needed
        return true
    }
}
