import Glibc
public import SystemPackage

/// A small file that is replaced whole: who reads it finds what was there before or what is there now, and nothing
/// between, whenever its writer was killed.
public enum WholeFile {
    /// Everything in it.
    ///
    /// - Throws: `EFBIG` for more than `limit` bytes.
    public static func contents(of path: String, limit: Int = 1 << 20) throws(Errno) -> [UInt8] {
        let file = try ValueFile(readingAtOnce: path)
        var bytes: [UInt8] = []
        while true {
            let more = try file.read(at: bytes.count)
            if more.isEmpty { return bytes }
            bytes += more
            guard bytes.count <= limit else { throw .fileTooLarge }
        }
    }

    /// Writes it beside, and then puts it in its place.
    ///
    /// - Parameter isDurable: it outlives the machine's power too, not only this process.
    /// - Throws: why it could not be written; then what was there still is.
    public static func replace(
        _ path: String, with bytes: [UInt8], mode: UInt32 = 0o600, isDurable: Bool
    ) throws(Errno) {
        let temporary = path + ".new"
        do throws(Errno) {
            try write(bytes, to: temporary, mode, isDurable)
            if isDurable { KillPoint.reach(.beforeRename) }
            guard unsafe rename(temporary, path) == 0 else { throw Errno(rawValue: errno) }
        } catch {
            _ = unsafe unlink(temporary)
            throw error
        }
        if isDurable { try synchronize(directoryOf: path) }
    }

    /// Whether one may be put there: there is nothing, or a regular file. A device node, or a link, would be gone for good.
    public static func mayBePut(at path: String) -> Bool {
        var status = stat()
        // SAFETY: a record of our own, which lstat fills while it is borrowed.
        guard unsafe lstat(path, &status) == 0 else { return true }
        return status.st_mode & S_IFMT == S_IFREG
    }

    /// Removes it; one that is not there is no error.
    public static func remove(_ path: String) throws(Errno) {
        guard unsafe unlink(path) != 0, errno != ENOENT else { return }
        throw Errno(rawValue: errno)
    }

    private static func write(_ bytes: [UInt8], to path: String, _ mode: UInt32, _ isDurable: Bool)
        throws(Errno)
    {
        let opened = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode)
        guard opened >= 0 else { throw Errno(rawValue: errno) }
        let file = OwnedDescriptor(owning: opened)
        var written = 0
        while written < bytes.count {
            // SAFETY: the array's own storage, borrowed for the call; `written` is below its count.
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.write(
                    file.rawValue, $0.baseAddress.map { unsafe $0 + written }, $0.count - written)
            }
            guard count >= 0 || errno == EINTR else { throw Errno(rawValue: errno) }
            written += max(0, count)
        }
        if isDurable, fsync(file.rawValue) != 0 { throw Errno(rawValue: errno) }
    }

    private static func synchronize(directoryOf path: String) throws(Errno) {
        let parent = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let opened = unsafe open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard opened >= 0 else { throw Errno(rawValue: errno) }
        let directory = OwnedDescriptor(owning: opened)
        guard fsync(directory.rawValue) == 0 else { throw Errno(rawValue: errno) }
    }
}
