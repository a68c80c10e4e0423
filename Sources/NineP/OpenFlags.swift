/// How a file is opened: `P9_DOTL_…`, the generic Linux octal values, whatever the host's own are.
public struct OpenFlags: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// P9_DOTL_RDONLY
    public static let readOnly: OpenFlags = []
    /// P9_DOTL_WRONLY
    public static let writeOnly = OpenFlags(rawValue: 0o1)
    /// P9_DOTL_RDWR
    public static let readWrite = OpenFlags(rawValue: 0o2)
    /// P9_DOTL_NOACCESS: the two bits that say read, write or both
    public static let accessMask = OpenFlags(rawValue: 0o3)
    /// P9_DOTL_CREATE
    public static let create = OpenFlags(rawValue: 0o100)
    /// P9_DOTL_EXCL
    public static let exclusive = OpenFlags(rawValue: 0o200)
    /// P9_DOTL_NOCTTY
    public static let noControllingTerminal = OpenFlags(rawValue: 0o400)
    /// P9_DOTL_TRUNC
    public static let truncate = OpenFlags(rawValue: 0o1000)
    /// P9_DOTL_APPEND
    public static let append = OpenFlags(rawValue: 0o2000)
    /// P9_DOTL_NONBLOCK
    public static let nonBlocking = OpenFlags(rawValue: 0o4000)
    /// P9_DOTL_DSYNC
    public static let dataSync = OpenFlags(rawValue: 0o10000)
    /// P9_DOTL_FASYNC
    public static let asynchronous = OpenFlags(rawValue: 0o20000)
    /// P9_DOTL_DIRECT
    public static let direct = OpenFlags(rawValue: 0o40000)
    /// P9_DOTL_LARGEFILE
    public static let largeFile = OpenFlags(rawValue: 0o100000)
    /// P9_DOTL_DIRECTORY
    public static let directory = OpenFlags(rawValue: 0o200000)
    /// P9_DOTL_NOFOLLOW
    public static let noFollow = OpenFlags(rawValue: 0o400000)
    /// P9_DOTL_NOATIME
    public static let noAccessTime = OpenFlags(rawValue: 0o1000000)
    /// P9_DOTL_CLOEXEC
    public static let closeOnExec = OpenFlags(rawValue: 0o2000000)
    /// P9_DOTL_SYNC
    public static let sync = OpenFlags(rawValue: 0o4000000)

    /// The bits that say read, write or both, alone.
    public var access: OpenFlags { intersection(.accessMask) }
}

/// What unlinkat may take away.
public struct UnlinkFlags: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// P9_DOTL_AT_REMOVEDIR: a directory, and nothing else
    public static let removeDirectory = UnlinkFlags(rawValue: 0x200)
}

/// How xattrcreate treats a name that exists, or does not.
public struct XattrFlags: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// XATTR_CREATE: EEXIST when it exists
    public static let create = XattrFlags(rawValue: 1)
    /// XATTR_REPLACE: ENODATA when it does not
    public static let replace = XattrFlags(rawValue: 2)
}
