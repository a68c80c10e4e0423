import CLinux
import Glibc
public import SystemPackage

/// How root finds an inode again whatever became of its names: the file system's own handle for it.
public struct FileHandle: Hashable, Sendable {
    public let type: Int32
    public let bytes: [UInt8]

    public init(type: Int32, bytes: [UInt8]) { (self.type, self.bytes) = (type, bytes) }
}

extension OwnedDescriptor {
    /// - Throws: `EOPNOTSUPP` where the file system has no handles.
    public borrowing func fileHandle() throws(Errno) -> FileHandle {
        let descriptor = rawValue
        var type: Int32 = 0
        // SAFETY: the shim writes at most the capacity it is told, and one local.
        let bytes = try unsafe filledBytes(capacity: Int(CLINUX_HANDLE_MAX)) {
            Int(unsafe clinux_handle_of(descriptor, $0, Int(CLINUX_HANDLE_MAX), &type))
        }
        return FileHandle(type: type, bytes: bytes)
    }

    /// O_PATH of the inode of `handle`, which must be in the file system of this directory. It may lie anywhere in it: the
    /// caller judges whether it may be seen.
    ///
    /// - Throws: `ESTALE` when the inode is gone, `EPERM` without CAP_DAC_READ_SEARCH.
    public borrowing func file(of handle: FileHandle) throws(Errno) -> OwnedDescriptor {
        // SAFETY: the array's own storage, borrowed for the call with its own count.
        let opened = unsafe handle.bytes.withUnsafeBytes {
            unsafe clinux_open_handle(rawValue, $0.baseAddress, $0.count, handle.type, 0o10000000)
        }
        return OwnedDescriptor(owning: try checked(opened))
    }

    /// What `name` in this directory is, itself if it is a link.
    public borrowing func status(of name: FileName) throws(Errno) -> FileStatus {
        var raw = clinux_status()
        _ = try checked(unsafe clinux_status_in(rawValue, name.terminated, &raw))
        return FileStatus(raw: raw)
    }
}

/// The clock inodes are stamped with, which is behind real time by up to a tick.
public enum FileClock {
    /// Nanoseconds since 1970.
    public static var now: Int64 { clinux_file_clock() }
}

/// A process for good: its number is used again, but not with the same start.
public struct ProcessMark: Hashable, Sendable {
    public let process: Int32
    /// In clock ticks since boot.
    public let started: Int64

    public init(process: Int32, started: Int64) { (self.process, self.started) = (process, started) }

    /// The process of that number now, `nil` when there is none (or it is in another PID namespace).
    public init?(_ process: Int32) {
        guard process > 0, let started = try? checked(clinux_start_time(process)) else { return nil }
        (self.process, self.started) = (process, started)
    }

    /// This process's number.
    public static var ofThis: Int32 { Glibc.getpid() }

    public var isAlive: Bool { ProcessMark(process) == self }
}
