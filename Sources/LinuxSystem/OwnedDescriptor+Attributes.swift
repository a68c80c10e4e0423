import CLinux
public import SystemPackage

/// Changes of the inode that the descriptor (O_PATH or open) names, whatever its path leads to by now.
extension OwnedDescriptor {
    /// A time to set: the kernel's own now, a given one, or as it was.
    public enum TimeChange: Sendable {
        case now
        case at(seconds: Int64, nanoseconds: UInt32)
        case unchanged

        fileprivate var pair: (Int64, Int64) {
            switch self {
            case .now: (0, clinux_time_now)
            case .at(let seconds, let nanoseconds): (seconds, Int64(nanoseconds))
            case .unchanged: (0, clinux_time_omit)
            }
        }
    }

    public borrowing func changeMode(_ mode: UInt32) throws(Errno) {
        _ = try checked(clinux_change_mode(rawValue, mode))
    }

    /// `nil` leaves as it is; both `nil` touches the change time alone.
    public borrowing func changeOwner(user: UInt32?, group: UInt32?) throws(Errno) {
        _ = try checked(clinux_change_owner(rawValue, user ?? .max, group ?? .max))
    }

    public borrowing func changeTimes(accessed: TimeChange, modified: TimeChange) throws(Errno) {
        let (first, second) = (accessed.pair, modified.pair)
        // SAFETY: two arrays of two, as the shim reads.
        _ = try checked(unsafe clinux_change_times(rawValue, [first.0, second.0], [first.1, second.1]))
    }

    /// Sets the size by the inode: the calling thread needs permission to write it now.
    public borrowing func truncate(to size: Int64) throws(Errno) {
        _ = try checked(clinux_truncate(rawValue, size))
    }

    /// Sets the size through a description open for writing.
    public borrowing func resize(to size: Int64) throws(Errno) {
        _ = try checked(clinux_resize(rawValue, size))
    }
}

/// Extended attributes of the inode.
extension OwnedDescriptor {
    /// XATTR_SIZE_MAX and XATTR_LIST_MAX
    public static var maximumXattrByteCount: Int { 65536 }

    public borrowing func xattr(_ name: KernelText) throws(Errno) -> [UInt8] {
        let descriptor = rawValue
        return try unsafe sized { unsafe clinux_get_xattr(descriptor, name.terminated, $0, $1) }
    }

    /// The names, each ended by a NUL.
    public borrowing func xattrNames() throws(Errno) -> [UInt8] {
        let descriptor = rawValue
        return try unsafe sized { unsafe clinux_list_xattrs(descriptor, $0, $1) }
    }

    /// - Parameter flags: XATTR_CREATE 1, XATTR_REPLACE 2.
    public borrowing func setXattr(_ name: KernelText, _ value: [UInt8], flags: CInt) throws(Errno) {
        // SAFETY: the array's own storage, borrowed for the call with its own count.
        let result = unsafe value.withUnsafeBytes {
            unsafe clinux_set_xattr(rawValue, name.terminated, $0.baseAddress, $0.count, flags)
        }
        _ = try checked(result)
    }

    public borrowing func removeXattr(_ name: KernelText) throws(Errno) {
        _ = try checked(unsafe clinux_remove_xattr(rawValue, name.terminated))
    }

    /// Asks for the size, then for as much.
    private borrowing func sized(
        _ read: (UnsafeMutablePointer<CChar>?, Int) -> Int
    ) throws(Errno) -> [UInt8] {
        let byteCount = try checked(read(nil, 0))
        guard byteCount > 0 else { return [] }
        return try unsafe filledBytes(capacity: byteCount) { unsafe read($0, byteCount) }
    }
}
