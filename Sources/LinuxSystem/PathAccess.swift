import Glibc
public import SystemPackage

/// What this process may do with what a path names, and where a symbolic link there points: for looking around, never
/// for deciding what is then done.
public enum PathAccess {
    /// Whether it is there and may be opened for reading and writing.
    public static func mayReadAndWrite(_ path: String) -> Bool {
        unsafe faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) == 0
    }

    /// Where the symbolic link at `path` points; `nil` where there is none.
    public static func linkTarget(at path: String) throws(Errno) -> String? {
        var bytes = [CChar](repeating: 0, count: 4096)
        // SAFETY: the array's own storage with its own count, borrowed for the call.
        let count = unsafe bytes.withUnsafeMutableBufferPointer { buffer -> Int in
            guard let start = buffer.baseAddress else { return -1 }
            return unsafe readlink(path, start, buffer.count)
        }
        guard count >= 0 else {
            guard errno == ENOENT || errno == EINVAL else { throw Errno(rawValue: errno) }
            return nil
        }
        return String(decoding: bytes.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
