import Glibc
public import SystemPackage

/// Directories by path: for programs that look into somebody else's tree of files as a shell does.
public enum DirectoryPath {
    /// The names in a directory, sorted, without `.` and `..`.
    public static func names(at path: String) throws(Errno) -> [String] {
        // SAFETY: the stream is closed before this returns.
        guard let stream = unsafe opendir(path) else { throw Errno(rawValue: errno) }
        defer { unsafe _ = closedir(stream) }
        var names: [String] = []
        while let name = try unsafe nextName(in: stream) {
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// As above; none where there is no such directory.
    public static func namesIfAny(at path: String) throws(Errno) -> [String] {
        do throws(Errno) { return try names(at: path) } catch {
            guard error == .noSuchFileOrDirectory else { throw error }
            return []
        }
    }

    /// SAFETY: an entry's name is copied before the next is read.
    @unsafe
    private static func nextName(in stream: OpaquePointer) throws(Errno) -> String? {
        // The end and a failure look alike but for errno; and half a directory must not pass for a whole one.
        errno = 0
        guard let entry = unsafe readdir(stream) else {
            guard errno == 0 else { throw Errno(rawValue: errno) }
            return nil
        }
        return unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    public static func make(at path: String, mode: UInt32 = 0o777) throws(Errno) {
        guard unsafe mkdir(path, mode) == 0 else { throw Errno(rawValue: errno) }
    }

    public static func remove(at path: String) throws(Errno) {
        guard unsafe rmdir(path) == 0 else { throw Errno(rawValue: errno) }
    }

    /// What a path names.
    public enum Kind: Sendable, Hashable {
        case directory
        case file
        case other
    }

    /// What is there, symbolic links followed.
    ///
    /// - Throws: `ENOENT` where nothing is; `ENOTCONN` where a mount's server has died.
    public static func kind(at path: String) throws(Errno) -> Kind {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { throw Errno(rawValue: errno) }
        return switch status.st_mode & S_IFMT {
        case S_IFDIR: .directory
        case S_IFREG: .file
        default: .other
        }
    }
}
