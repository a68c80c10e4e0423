import CLinux
import Glibc
public import SystemPackage

/// How a file is opened for its data (`O_…`), in this machine's numbering.
public struct DataAccess: OptionSet, Sendable {
    public let rawValue: CInt
    public init(rawValue: CInt) { self.rawValue = rawValue }

    public static let readOnly: DataAccess = []
    public static let writeOnly = DataAccess(rawValue: O_WRONLY)
    public static let readWrite = DataAccess(rawValue: O_RDWR)
    public static let truncate = DataAccess(rawValue: O_TRUNC)
    public static let append = DataAccess(rawValue: O_APPEND)
    public static let nonBlocking = DataAccess(rawValue: O_NONBLOCK)
    public static let sync = DataAccess(rawValue: O_SYNC)
    public static let dataSync = DataAccess(rawValue: O_DSYNC)
    public static let directory = DataAccess(rawValue: O_DIRECTORY)
}

/// Resolution from a descriptor (O_PATH or open), one checked name at a time: nothing follows a link, nothing
/// passes through a magic link, nothing leaves the mount unless `crossMounts`.
extension OwnedDescriptor {
    private static var pathOnly: CInt { 0o10000000 }

    /// O_PATH of the directory at `path`, links followed: an export's root, named by its administrator.
    public static func root(at path: String) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(owning: try checked(unsafe clinux_open_root(path)))
    }

    /// O_PATH of `name` in this directory; of a symbolic link itself.
    public borrowing func child(_ name: FileName, crossMounts: Bool) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(
            owning: try checked(
                unsafe clinux_open_child(
                    rawValue, name.terminated, OwnedDescriptor.pathOnly, 0, crossMounts ? 1 : 0)))
    }

    /// O_PATH of what lies `path` below this directory, component by component as `child` does.
    public borrowing func descendant(_ path: [UInt8], crossMounts: Bool) throws(Errno) -> OwnedDescriptor {
        let text = Array(terminating: path)
        return OwnedDescriptor(
            owning: try checked(
                unsafe clinux_open_beneath(rawValue, text, OwnedDescriptor.pathOnly, crossMounts ? 1 : 0)))
    }

    /// O_PATH of this directory's parent, wherever that is: the caller judges whether it may be seen.
    public borrowing func parent(crossMounts: Bool) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(owning: try checked(clinux_open_parent(rawValue, crossMounts ? 1 : 0)))
    }

    /// A new regular file, open; `EEXIST` when there is anything of that name.
    public borrowing func create(_ name: FileName, _ access: DataAccess, mode: UInt32) throws(Errno)
        -> OwnedDescriptor
    {
        let flags = access.rawValue | O_CREAT | O_EXCL
        return OwnedDescriptor(
            owning: try checked(unsafe clinux_open_child(rawValue, name.terminated, flags, mode, 0)))
    }

    /// A new open file description of the same inode, with the permissions the calling thread has now.
    ///
    /// - Note: opening may block or have effects for anything but files and directories: look at `status()` first.
    public borrowing func reopened(_ access: DataAccess) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(owning: try checked(clinux_reopen(rawValue, access.rawValue)))
    }

    /// A further O_PATH descriptor of the same inode.
    public borrowing func reopenedAsPath() throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(owning: try checked(clinux_reopen(rawValue, OwnedDescriptor.pathOnly)))
    }

    /// Where the inode is now, as the kernel prints it for this process; for finding it again, never for trust.
    public borrowing func currentPath() throws(Errno) -> [UInt8] {
        let descriptor = rawValue
        return try unsafe filledBytes(capacity: 4096) { unsafe clinux_current_path(descriptor, $0, 4096) }
    }

    /// What a symbolic link points at, verbatim.
    public borrowing func linkTarget() throws(Errno) -> [UInt8] {
        let descriptor = rawValue
        return try unsafe filledBytes(capacity: 4096) { unsafe clinux_read_link(descriptor, $0, 4096) }
    }
}

/// Up to `capacity` bytes of text that `fill` writes and counts.
func filledBytes(
    capacity: Int, _ fill: (UnsafeMutablePointer<CChar>?) -> Int
) throws(Errno) -> [UInt8] {
    var result = 0
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { buffer, filled in
        // SAFETY: `fill` writes at most `capacity` bytes, the size of this storage, and returns how many.
        result = unsafe UnsafeMutableRawBufferPointer(buffer).withMemoryRebound(to: CChar.self) {
            unsafe fill($0.baseAddress)
        }
        filled = min(max(0, result), capacity)
    }
    _ = try checked(result)
    return bytes
}
