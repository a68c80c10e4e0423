internal import CFUSE
internal import Glibc
internal import LinuxSystem

/// The number by which a session and the kernel know one file. The root's is 1; zero names none.
@frozen
public struct InodeNumber: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt64
    @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
    @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// FUSE_ROOT_ID
    public static let root = InodeNumber(1)
}

/// A point in time as files carry it: seconds since 1970 and nanoseconds below one second.
@frozen
public struct FileTime: Hashable, Sendable {
    public var seconds: Int64
    public var nanoseconds: Int64

    public init(seconds: Int64 = 0, nanoseconds: Int64 = 0) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    /// The real-time clock now.
    public static var now: FileTime {
        let now = WallTime.now
        return FileTime(seconds: now.seconds, nanoseconds: now.nanoseconds)
    }

    init(_ time: timespec) { self.init(seconds: Int64(time.tv_sec), nanoseconds: Int64(time.tv_nsec)) }

    var systemTime: timespec { timespec(tv_sec: Int(seconds), tv_nsec: Int(nanoseconds)) }
}

/// What `stat` shows of a file.
public struct FileAttributes: Hashable, Sendable {
    public var inode: InodeNumber
    /// Type and permission bits (`st_mode`).
    public var mode: UInt32
    public var linkCount: UInt64 = 1
    public var user: UInt32 = 0
    public var group: UInt32 = 0
    /// The device a special file stands for.
    public var device: UInt64 = 0
    public var byteCount: UInt64 = 0
    /// In units of 512 bytes.
    public var blockCount: UInt64 = 0
    /// The preferred size of a read or write.
    public var blockByteCount: UInt32 = 4096
    public var accessTime = FileTime()
    public var modificationTime = FileTime()
    public var changeTime = FileTime()

    public init(inode: InodeNumber, mode: UInt32) {
        self.inode = inode
        self.mode = mode
    }

    var stat: stat {
        var result = Glibc.stat()
        result.st_ino = ino_t(inode.rawValue)
        result.st_mode = mode
        result.st_nlink = nlink_t(linkCount)
        result.st_uid = user
        result.st_gid = group
        result.st_rdev = dev_t(device)
        result.st_size = off_t(clamping: byteCount)
        result.st_blocks = blkcnt_t(clamping: blockCount)
        result.st_blksize = blksize_t(blockByteCount)
        result.st_atim = accessTime.systemTime
        result.st_mtim = modificationTime.systemTime
        result.st_ctim = changeTime.systemTime
        return result
    }
}

/// A name's answer: the file it leads to and for how long the kernel may believe it.
public struct Entry: Sendable {
    public var attributes: FileAttributes
    /// Differs for two files that had the same inode number one after the other.
    public var generation: UInt64 = 0
    public var attributeValidity: Duration = .zero
    public var nameValidity: Duration = .zero

    public init(
        _ attributes: FileAttributes, generation: UInt64 = 0, attributeValidity: Duration = .zero,
        nameValidity: Duration = .zero
    ) {
        self.attributes = attributes
        self.generation = generation
        self.attributeValidity = attributeValidity
        self.nameValidity = nameValidity
    }

    var parameters: fuse_entry_param {
        var result = fuse_entry_param()
        result.ino = attributes.inode.rawValue
        result.generation = generation
        result.attr = attributes.stat
        result.attr_timeout = attributeValidity.asSeconds
        result.entry_timeout = nameValidity.asSeconds
        return result
    }
}

extension Duration {
    /// The library's unit for validity.
    var asSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}

/// What a `setattr` asks to change; what is `nil` stays.
public struct AttributeChanges: Sendable, Hashable {
    public enum Time: Sendable, Hashable {
        case now
        case at(FileTime)
    }

    public var mode: UInt32?
    public var user: UInt32?
    public var group: UInt32?
    /// A truncation or extension.
    public var byteCount: UInt64?
    public var accessTime: Time?
    public var modificationTime: Time?
    public var changeTime: FileTime?
    /// The open file it was asked through (`ftruncate`, `fchmod`).
    public var file: OpenFile?

    public init() {}

    init(_ attributes: stat, _ toSet: CInt, _ file: OpenFile?) {
        func has(_ bit: CInt) -> Bool { toSet & bit != 0 }
        func time(_ bit: CInt, _ nowBit: CInt, _ value: timespec) -> Time? {
            has(nowBit) ? .now : has(bit) ? .at(FileTime(value)) : nil
        }
        mode = has(FUSE_SET_ATTR_MODE) ? attributes.st_mode : nil
        user = has(FUSE_SET_ATTR_UID) ? attributes.st_uid : nil
        group = has(FUSE_SET_ATTR_GID) ? attributes.st_gid : nil
        byteCount = has(FUSE_SET_ATTR_SIZE) ? UInt64(clamping: attributes.st_size) : nil
        accessTime = time(FUSE_SET_ATTR_ATIME, FUSE_SET_ATTR_ATIME_NOW, attributes.st_atim)
        modificationTime = time(FUSE_SET_ATTR_MTIME, FUSE_SET_ATTR_MTIME_NOW, attributes.st_mtim)
        changeTime = has(FUSE_SET_ATTR_CTIME) ? FileTime(attributes.st_ctim) : nil
        self.file = file
    }
}
