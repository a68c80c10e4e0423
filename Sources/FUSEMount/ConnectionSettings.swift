internal import CFUSE

/// What a filesystem and the kernel agree on when they meet. What the kernel does not offer is left out.
public struct ConnectionSettings: Hashable, Sendable {
    public struct Capabilities: OptionSet, Hashable, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        // ABI: the FUSE_CAP_ bits of fuse_common.h.
        public static let asynchronousRead = Capabilities(rawValue: 1 << 0)
        /// POSIX locks come to the filesystem instead of being kept by the kernel.
        public static let posixLocks = Capabilities(rawValue: 1 << 1)
        /// O_TRUNC comes with the open instead of as a truncation before it.
        public static let atomicTruncation = Capabilities(rawValue: 1 << 3)
        public static let exportSupport = Capabilities(rawValue: 1 << 4)
        /// The umask is the filesystem's to apply.
        public static let doNotMask = Capabilities(rawValue: 1 << 6)
        public static let flockLocks = Capabilities(rawValue: 1 << 10)
        /// Cached pages are dropped when a file's size or time is seen to change.
        public static let automaticInvalidation = Capabilities(rawValue: 1 << 12)
        public static let readDirectoryPlus = Capabilities(rawValue: 1 << 13)
        public static let adaptiveReadDirectoryPlus = Capabilities(rawValue: 1 << 14)
        public static let asynchronousDirectIO = Capabilities(rawValue: 1 << 15)
        /// The kernel keeps written pages back. Not for anything that changes behind it.
        public static let writeBackCache = Capabilities(rawValue: 1 << 16)
        public static let parallelDirectoryOperations = Capabilities(rawValue: 1 << 18)
        public static let posixACL = Capabilities(rawValue: 1 << 19)
        /// The filesystem drops set-user-ID bits itself on write, truncation and chown.
        public static let handlesKillPrivilege = Capabilities(rawValue: 1 << 20)
        public static let cacheSymbolicLinks = Capabilities(rawValue: 1 << 23)
    }

    public var capabilities: Capabilities
    /// At most 1 MiB: the library's receive buffer holds no more.
    public var maximumWriteByteCount: UInt32 = 1 << 20
    public var maximumReadAheadByteCount: UInt32 = 1 << 20
    /// How many background requests (read-ahead, asynchronous direct I/O) may be under way; zero leaves it to the kernel.
    public var maximumBackgroundCount: UInt32 = 0

    public init(
        _ capabilities: Capabilities = [
            .asynchronousRead, .asynchronousDirectIO, .parallelDirectoryOperations, .automaticInvalidation,
        ]
    ) {
        self.capabilities = capabilities
    }

    func apply(to connection: inout fuse_conn_info) {
        // Splicing stays off whatever was asked: it was measured to cost, never to gain.
        connection.want = connection.capable & capabilities.rawValue & ~0x380
        connection.max_write = min(connection.max_write, maximumWriteByteCount, 1 << 20)
        connection.max_readahead = min(connection.max_readahead, maximumReadAheadByteCount)
        if maximumBackgroundCount > 0 { connection.max_background = maximumBackgroundCount }
        connection.time_gran = 1
    }
}
