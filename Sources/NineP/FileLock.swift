/// A byte-range lock as lock and getlock carry it. Its owner is the pair of `clientID` and `processID`.
public struct FileLock: Hashable, Sendable {
    /// `P9_LOCK_TYPE_…`; the peer may state any number.
    public struct Kind: RawRepresentable, Hashable, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// P9_LOCK_TYPE_RDLCK
        public static let read = Kind(rawValue: 0)
        /// P9_LOCK_TYPE_WRLCK
        public static let write = Kind(rawValue: 1)
        /// P9_LOCK_TYPE_UNLCK
        public static let unlock = Kind(rawValue: 2)
    }

    /// `P9_LOCK_FLAGS_…`
    public struct Flags: OptionSet, Hashable, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        /// P9_LOCK_FLAGS_BLOCK: the client is ready to wait. The server answers `.blocked` rather than waiting.
        public static let block = Flags(rawValue: 1)
        /// P9_LOCK_FLAGS_RECLAIM: held before the connection was lost.
        public static let reclaim = Flags(rawValue: 2)
    }

    /// `P9_LOCK_…`; the peer may state any number.
    public struct Status: RawRepresentable, Hashable, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// P9_LOCK_SUCCESS
        public static let success = Status(rawValue: 0)
        /// P9_LOCK_BLOCKED: somebody else holds it
        public static let blocked = Status(rawValue: 1)
        /// P9_LOCK_ERROR
        public static let error = Status(rawValue: 2)
        /// P9_LOCK_GRACE: the server waits for old owners to reclaim
        public static let grace = Status(rawValue: 3)
    }

    public var kind: Kind
    public var start: UInt64
    /// Bytes; zero reaches to the end of the file, however far that moves.
    public var length: UInt64
    /// proc_id
    public var processID: UInt32
    /// client_id
    public var clientID: Name

    public init(kind: Kind, start: UInt64, length: UInt64, processID: UInt32, clientID: Name) {
        (self.kind, self.start, self.length) = (kind, start, length)
        (self.processID, self.clientID) = (processID, clientID)
    }
}

/// Locks of one owner replace one another where they overlap, as POSIX has it.
extension FileLock {
    /// The last byte; the largest number there is when it reaches to the end.
    private var last: UInt64 {
        let (last, overflow) = start.addingReportingOverflow(length &- 1)
        return length == 0 || overflow ? .max : last
    }

    private func part(from start: UInt64, to last: UInt64) -> FileLock {
        var part = self
        (part.start, part.length) = (start, last == .max ? 0 : last - start + 1)
        return part
    }

    /// What it has in common with `other`.
    public func part(inside other: FileLock) -> FileLock? {
        let (from, to) = (max(start, other.start), min(last, other.last))
        return from <= to ? part(from: from, to: to) : nil
    }

    /// What is left of it without `other`: none, one or two.
    public func parts(outside other: FileLock) -> [FileLock] {
        guard start <= other.last, other.start <= last else { return [self] }
        var parts: [FileLock] = []
        if start < other.start { parts.append(part(from: start, to: other.start - 1)) }
        if last > other.last { parts.append(part(from: other.last + 1, to: last)) }
        return parts
    }
}
