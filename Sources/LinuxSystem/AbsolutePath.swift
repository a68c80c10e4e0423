import Glibc

/// A path that stays good whatever the working directory.
public enum AbsolutePath {
    /// With links resolved; where that fails (a dead mount answers nothing), below the working directory.
    public static func of(_ path: String) -> String {
        // SAFETY: a copy of its own, ended by a NUL, read before it is freed.
        if let resolved = unsafe realpath(path, nil) {
            defer { unsafe free(resolved) }
            return unsafe String(cString: resolved)
        }
        return joined(path)
    }

    /// With links as they are.
    public static func joined(_ path: String) -> String {
        if path.hasPrefix("/") { return path }
        // SAFETY: as above.
        guard let directory = unsafe getcwd(nil, 0) else { return path }
        defer { unsafe free(directory) }
        return unsafe String(cString: directory) + "/" + path
    }
}
