import CLinux
public import SystemPackage

/// A byte range and how it is held; `length` zero reaches to the end of the file, however far that moves.
public struct RangeLock: Hashable, Sendable {
    public enum Kind: CInt, Sendable {
        case read = 0
        case write = 1
        case unlock = 2
    }

    public var kind: Kind
    public var start: Int64
    public var length: Int64

    public init(_ kind: Kind, start: Int64, length: Int64) {
        (self.kind, self.start, self.length) = (kind, start, length)
    }
}

/// Locks that belong to the open file description (OFD locks): seen by every process of the machine.
extension OwnedDescriptor {
    /// - Throws: `EAGAIN` when somebody else holds a conflicting one; never waits.
    public borrowing func setLock(_ lock: RangeLock) throws(Errno) {
        _ = try checked(clinux_set_lock(rawValue, lock.kind.rawValue, lock.start, lock.length))
    }

    /// A lock of `flock(2)`, which is of another kind: the two do not see each other.
    ///
    /// - Throws: `EAGAIN` when somebody else holds a conflicting one; the lock this description held is gone then.
    public borrowing func setWholeFileLock(_ kind: RangeLock.Kind) throws(Errno) {
        _ = try checked(clinux_set_whole_file_lock(rawValue, kind.rawValue))
    }

    /// The first lock of anybody else in the way of `lock`, with its process (-1 when it belongs to a description).
    public borrowing func conflict(with lock: RangeLock) throws(Errno) -> (lock: RangeLock, process: Int32)? {
        var kind = lock.kind.rawValue
        var (start, length, process) = (lock.start, lock.length, Int32(0))
        // SAFETY: four locals, each of the type the shim writes.
        _ = try checked(unsafe clinux_find_lock(rawValue, &kind, &start, &length, &process))
        guard let found = RangeLock.Kind(rawValue: kind), found != .unlock else { return nil }
        return (RangeLock(found, start: start, length: length), process)
    }
}
