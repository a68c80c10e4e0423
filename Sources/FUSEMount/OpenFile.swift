internal import CFUSE

/// What the kernel says of the open file an operation came through.
@frozen
public struct OpenFile: Hashable, Sendable {
    /// What the filesystem answered when it was opened.
    public var handle: UInt64
    /// The flags of `open(2)`; in reads and writes as they are now (`fcntl` may have set O_NONBLOCK).
    public var flags: CInt
    /// Who holds POSIX locks through it; of use in locks, `flush` and `release`.
    public var lockOwner: UInt64
    /// The last descriptor is gone and its flock locks go with it (`release`).
    public var releasesFlock: Bool
    /// A write of the kernel's page cache, not of a caller.
    public var isWriteBack: Bool

    init(_ information: fuse_file_info) {
        handle = information.fh
        flags = information.flags
        lockOwner = information.lock_owner
        releasesFlock = information.flock_release != 0
        isWriteBack = information.writepage != 0
    }

    /// O_NONBLOCK
    public var isNonBlocking: Bool { flags & 0o4000 != 0 }
    /// O_RDONLY, O_WRONLY or O_RDWR
    public var accessMode: CInt { flags & 3 }
}

/// The answer to an open: the handle that later operations carry, and how the kernel is to treat the file.
public struct OpenReply: Hashable, Sendable {
    public struct Options: OptionSet, Hashable, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        // ABI: the FOPEN_ bits of linux/fuse.h.
        /// FOPEN_DIRECT_IO: reads and writes come here as the caller made them, past the page cache.
        public static let directIO = Options(rawValue: 1 << 0)
        /// FOPEN_KEEP_CACHE: pages cached before this open are still good.
        public static let keepCache = Options(rawValue: 1 << 1)
        /// FOPEN_NONSEEKABLE: `lseek` and `pread` are refused (ESPIPE).
        public static let nonSeekable = Options(rawValue: 1 << 2)
        /// FOPEN_CACHE_DIR: directory entries may be cached.
        public static let cacheDirectory = Options(rawValue: 1 << 3)
        /// FOPEN_STREAM: no file position; a write passes while a read on the same descriptor waits.
        public static let stream = Options(rawValue: 1 << 4)
        /// FOPEN_NOFLUSH: closing needs no flush.
        public static let noFlush = Options(rawValue: 1 << 5)
        /// FOPEN_PARALLEL_DIRECT_WRITES: writes within the file's size do not wait for each other.
        public static let parallelDirectWrites = Options(rawValue: 1 << 6)
    }

    public var handle: UInt64
    public var options: Options

    public init(handle: UInt64 = 0, _ options: Options = []) {
        self.handle = handle
        self.options = options
    }

    /// The options the library can state in the answer to a create: all but the last and `stream`.
    func apply(to information: inout fuse_file_info) {
        information.fh = handle
        information.direct_io = options.contains(.directIO) ? 1 : 0
        information.keep_cache = options.contains(.keepCache) ? 1 : 0
        information.nonseekable = options.contains(.nonSeekable) ? 1 : 0
        information.cache_readdir = options.contains(.cacheDirectory) ? 1 : 0
        information.noflush = options.contains(.noFlush) ? 1 : 0
    }
}
