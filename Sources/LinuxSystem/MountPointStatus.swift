import CLinux
public import SystemPackage

/// What a path leads to, as far as mounting on it is concerned.
public struct MountPointStatus: Sendable, Hashable {
    public let isDirectory: Bool
    /// True when something is mounted exactly there.
    public let isMountRoot: Bool

    /// - Throws: `ENOTCONN` when a FUSE server died and left its mount; else what `statx` says.
    public init(of path: String) throws(Errno) {
        var status = clinux_path_status()
        // SAFETY: the string and the structure live for the call.
        _ = try checked(unsafe clinux_path_status(path, &status))
        isDirectory = status.mode & 0o170000 == 0o040000
        isMountRoot = status.is_mount_root != 0
    }
}
