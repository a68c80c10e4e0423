public import SystemPackage

/// How a filesystem is mounted. `nosuid` and `nodev` are always on.
public struct MountOptions: Hashable, Sendable {
    /// What the mount table shows as its source.
    public var source: String
    /// Shows as `fuse.subtype`.
    public var subtype: String
    /// Others than the mounting user may look in. An ordinary user needs `user_allow_other` in /etc/fuse.conf.
    public var allowsOthers = false
    /// The kernel checks owner, group and mode.
    public var checksPermissions = false
    public var isReadOnly = false
    public var isWithoutExecution = false
    /// The most one read asks for; `nil`: 1 MiB.
    public var maximumReadByteCount: Int?

    public init(source: String, subtype: String) {
        self.source = source
        self.subtype = subtype
    }

    /// MS_ flags of `mount(2)`.
    var flags: UInt { 2 | 4 | (isReadOnly ? 1 : 0) | (isWithoutExecution ? 8 : 0) }

    private var shared: [String] {
        var list: [String] = []
        if allowsOthers { list.append("allow_other") }
        if checksPermissions { list.append("default_permissions") }
        if let count = maximumReadByteCount { list.append("max_read=\(count)") }
        return list
    }

    func systemOptions(device: CInt, user: UInt32, group: UInt32) -> String {
        (["fd=\(device)", "rootmode=40000", "user_id=\(user)", "group_id=\(group)"] + shared).joined(
            separator: ",")
    }

    var helperOptions: String {
        var list = ["nosuid", "nodev", isReadOnly ? "ro" : "rw"]
        if isWithoutExecution { list.append("noexec") }
        list += ["fsname=\(Self.escaped(source))", "subtype=\(Self.escaped(subtype))"]
        return (list + shared).joined(separator: ",")
    }

    /// What libfuse itself must know of them: nothing. Told of max_read it would refuse every connection, unless `init` said
    /// the same; the kernel alone acts on it.
    var libraryArguments: [String] { ["vop"] }

    /// The helper takes a comma as the end of an option unless a backslash stands before it.
    private static func escaped(_ text: String) -> String {
        text.reduce(into: "") { result, character in
            if character == "," || character == "\\" { result.append("\\") }
            result.append(character)
        }
    }
}

/// Why a filesystem could not be mounted; the text says what to do.
public enum MountError: Error, Hashable, Sendable, CustomStringConvertible {
    case deviceMissing
    case deviceForbidden
    case mountPointMissing(String)
    case mountPointNotADirectory(String)
    case mountPointInUse(String)
    case mountPointUnusable(String, Errno)
    case helperMissing
    case notPermitted(String, reason: String)
    case refused(String)

    public var description: String {
        switch self {
        case .deviceMissing: "/dev/fuse does not exist: load the kernel's fuse module (modprobe fuse)"
        case .deviceForbidden:
            "/dev/fuse may not be opened by this user: it must be readable and writable (mode 0666)"
        case .mountPointMissing(let path): "mount point \(path) does not exist: create the directory first"
        case .mountPointNotADirectory(let path): "mount point \(path) is not a directory: choose a directory"
        case .mountPointInUse(let path):
            "mount point \(path) has something mounted on it already: unmount that, or choose another directory"
        case .mountPointUnusable(let path, let errno): "mount point \(path) cannot be used: \(errno)"
        case .helperMissing:
            "fusermount3 is not installed: an ordinary user needs it to mount (apt-get install fuse3)"
        case .notPermitted(let path, let reason): "mounting on \(path) was not permitted: \(reason)"
        case .refused(let reason): "mounting failed: \(reason)"
        }
    }

    /// The nearest errno, for those who answer with one.
    public var errno: Errno {
        switch self {
        case .deviceMissing: .operationNotSupportedByDevice
        case .deviceForbidden, .notPermitted: .permissionDenied
        case .mountPointMissing, .helperMissing: .noSuchFileOrDirectory
        case .mountPointNotADirectory: .notDirectory
        case .mountPointInUse: .resourceBusy
        case .mountPointUnusable(_, let errno): errno
        case .refused: .ioError
        }
    }
}
