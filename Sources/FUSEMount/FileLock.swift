internal import CFUSE
internal import Glibc

/// A POSIX byte-range lock, as `fcntl(F_SETLK)` states it.
public struct FileLock: Hashable, Sendable {
    public enum Kind: Sendable, Hashable {
        case read
        case write
        case unlock
    }

    public var kind: Kind
    public var start: UInt64
    /// Zero reaches to the end of the file, however long it grows.
    public var byteCount: UInt64
    /// The process that holds it.
    public var process: CInt

    public init(_ kind: Kind, start: UInt64 = 0, byteCount: UInt64 = 0, process: CInt = 0) {
        self.kind = kind
        self.start = start
        self.byteCount = byteCount
        self.process = process
    }

    init(_ lock: flock) {
        kind = lock.l_type == F_RDLCK ? .read : lock.l_type == F_WRLCK ? .write : .unlock
        start = UInt64(clamping: lock.l_start)
        byteCount = UInt64(clamping: lock.l_len)
        process = lock.l_pid
    }

    var flock: flock {
        var result = Glibc.flock()
        result.l_type = Int16(kind == .read ? F_RDLCK : kind == .write ? F_WRLCK : F_UNLCK)
        result.l_whence = Int16(SEEK_SET)
        result.l_start = off_t(clamping: start)
        result.l_len = off_t(clamping: byteCount)
        result.l_pid = process
        return result
    }
}

/// A whole-file lock of `flock(2)`.
public struct WholeFileLock: Hashable, Sendable {
    public enum Kind: Sendable, Hashable {
        case shared
        case exclusive
        case unlock
    }

    public let kind: Kind
    /// False with LOCK_NB: what cannot be had at once is `EWOULDBLOCK`.
    public let waits: Bool

    init(operation: CInt) {
        kind = operation & LOCK_UN != 0 ? .unlock : operation & LOCK_EX != 0 ? .exclusive : .shared
        waits = operation & LOCK_NB == 0
    }
}

/// What `statvfs` shows of a filesystem.
public struct FilesystemStatistics: Hashable, Sendable {
    public var blockByteCount: UInt64 = 4096
    public var fragmentByteCount: UInt64 = 4096
    public var blockCount: UInt64 = 0
    public var freeBlockCount: UInt64 = 0
    public var availableBlockCount: UInt64 = 0
    public var fileCount: UInt64 = 0
    public var freeFileCount: UInt64 = 0
    public var maximumNameByteCount: UInt64 = 255

    public init() {}

    var statvfs: statvfs {
        var result = Glibc.statvfs()
        result.f_bsize = UInt(blockByteCount)
        result.f_frsize = UInt(fragmentByteCount)
        result.f_blocks = fsblkcnt_t(blockCount)
        result.f_bfree = fsblkcnt_t(freeBlockCount)
        result.f_bavail = fsblkcnt_t(availableBlockCount)
        result.f_files = fsfilcnt_t(fileCount)
        result.f_ffree = fsfilcnt_t(freeFileCount)
        result.f_favail = fsfilcnt_t(freeFileCount)
        result.f_namemax = UInt(maximumNameByteCount)
        return result
    }
}
