/// A point in time as the protocol carries it: seconds since 1970 (two's complement), nanoseconds.
public struct FileTime: Hashable, Sendable {
    public var seconds: Int64
    /// As stated by the peer; a sane one is below 1,000,000,000.
    public var nanoseconds: UInt64

    public init(seconds: Int64, nanoseconds: UInt64) {
        (self.seconds, self.nanoseconds) = (seconds, nanoseconds)
    }
    public static let zero = FileTime(seconds: 0, nanoseconds: 0)
}

/// Which attributes are asked for, or valid in an answer (`P9_STATS_…`, `P9_GETATTR_…`).
public struct AttributeMask: OptionSet, Hashable, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    public static let mode = AttributeMask(rawValue: 0x1)
    public static let linkCount = AttributeMask(rawValue: 0x2)
    public static let user = AttributeMask(rawValue: 0x4)
    public static let group = AttributeMask(rawValue: 0x8)
    public static let deviceNumber = AttributeMask(rawValue: 0x10)
    public static let accessTime = AttributeMask(rawValue: 0x20)
    public static let modificationTime = AttributeMask(rawValue: 0x40)
    public static let changeTime = AttributeMask(rawValue: 0x80)
    public static let inode = AttributeMask(rawValue: 0x100)
    public static let size = AttributeMask(rawValue: 0x200)
    public static let blocks = AttributeMask(rawValue: 0x400)
    public static let birthTime = AttributeMask(rawValue: 0x800)
    public static let generation = AttributeMask(rawValue: 0x1000)
    public static let dataVersion = AttributeMask(rawValue: 0x2000)
    /// P9_GETATTR_BASIC: everything stat(2) shows.
    public static let basic = AttributeMask(rawValue: 0x7FF)
    /// P9_GETATTR_ALL
    public static let all = AttributeMask(rawValue: 0x3FFF)
}

/// The answer to getattr (`Rgetattr`): only what `valid` names means anything.
public struct FileAttributes: Hashable, Sendable {
    public var valid: AttributeMask
    public var qid: Qid
    /// Type and permission bits, as st_mode.
    public var mode: UInt32
    public var user: UInt32
    public var group: UInt32
    public var linkCount: UInt64
    /// st_rdev, as the kernel's huge encoding (glibc's `makedev`).
    public var deviceNumber: UInt64
    /// Bytes.
    public var size: UInt64
    /// The preferred size of reads and writes, in bytes.
    public var blockSize: UInt64
    /// In units of 512 bytes.
    public var blocks: UInt64
    public var accessTime: FileTime = .zero
    public var modificationTime: FileTime = .zero
    public var changeTime: FileTime = .zero
    public var birthTime: FileTime = .zero
    public var generation: UInt64 = 0
    public var dataVersion: UInt64 = 0

    public init(
        valid: AttributeMask, qid: Qid, mode: UInt32, user: UInt32 = 0, group: UInt32 = 0,
        linkCount: UInt64 = 1,
        deviceNumber: UInt64 = 0, size: UInt64 = 0, blockSize: UInt64 = 4096, blocks: UInt64 = 0
    ) {
        (self.valid, self.qid, self.mode) = (valid, qid, mode)
        (self.user, self.group, self.linkCount) = (user, group, linkCount)
        (self.deviceNumber, self.size) = (deviceNumber, size)
        (self.blockSize, self.blocks) = (blockSize, blocks)
    }
}

/// What setattr changes (`Tsetattr`): fields that `valid` does not name are ignored.
public struct AttributeChange: Hashable, Sendable {
    /// `P9_SETATTR_…`
    public struct Valid: OptionSet, Hashable, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        public static let mode = Valid(rawValue: 0x1)
        public static let user = Valid(rawValue: 0x2)
        public static let group = Valid(rawValue: 0x4)
        public static let size = Valid(rawValue: 0x8)
        /// To the server's now, unless `accessTimeValue` is there too.
        public static let accessTime = Valid(rawValue: 0x10)
        /// To the server's now, unless `modificationTimeValue` is there too.
        public static let modificationTime = Valid(rawValue: 0x20)
        public static let changeTime = Valid(rawValue: 0x40)
        /// P9_SETATTR_ATIME_SET: to the time given.
        public static let accessTimeValue = Valid(rawValue: 0x80)
        /// P9_SETATTR_MTIME_SET: to the time given.
        public static let modificationTimeValue = Valid(rawValue: 0x100)
    }

    public var valid: Valid = []
    public var mode: UInt32 = 0
    public var user: UInt32 = 0
    public var group: UInt32 = 0
    public var size: UInt64 = 0
    public var accessTime: FileTime = .zero
    public var modificationTime: FileTime = .zero

    public init() {}
}
