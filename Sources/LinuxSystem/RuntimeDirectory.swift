import Glibc
public import SystemPackage

/// Directories that daemons make for their run-time files.
public enum RuntimeDirectory {
    /// Where `name` belongs: `/run/NAME` for root, `$XDG_RUNTIME_DIR/NAME` for an ordinary user; `nil` when that user has no
    /// such directory.
    public static func path(_ name: String) -> String? {
        if geteuid() == 0 { return "/run/\(name)" }
        return variable("XDG_RUNTIME_DIR").map { "\($0)/\(name)" }
    }

    /// Where to look for `name`: this user's own place first, then root's, which everybody may read.
    public static func places(_ name: String) -> [String] {
        let system = "/run/\(name)"
        guard let own = path(name), own != system else { return [system] }
        return [own, system]
    }

    /// Where what `name` saves belongs: `/var/lib/NAME` for root, `$XDG_STATE_HOME/NAME` or `$HOME/.local/state/NAME` for an
    /// ordinary user; `nil` when that user has no such directory.
    public static func statePath(_ name: String) -> String? {
        if geteuid() == 0 { return "/var/lib/\(name)" }
        if let base = variable("XDG_STATE_HOME") { return "\(base)/\(name)" }
        return variable("HOME").map { "\($0)/.local/state/\(name)" }
    }

    private static func variable(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        let text = unsafe String(cString: value)
        return text.isEmpty ? nil : text
    }

    /// Removes a directory with the files in it; one that is not there is no error.
    public static func remove(_ path: String) throws(Errno) {
        for name in try DirectoryPath.namesIfAny(at: path)
        where unsafe unlink("\(path)/\(name)") != 0 && errno != ENOENT {
            throw Errno(rawValue: errno)
        }
        guard unsafe rmdir(path) != 0, errno != ENOENT else { return }
        throw Errno(rawValue: errno)
    }

    /// Makes a directory and those above it, as `mkdir -p` does: `mode` is the last one's, those above it get 0755. What is
    /// there already, dead mounts too, is left as it is.
    public static func make(_ path: String, mode: UInt32 = 0o755) throws(Errno) {
        var made = path.hasPrefix("/") ? "" : "."
        let parts = path.split(separator: "/")
        for (index, part) in parts.enumerated() {
            made += "/\(part)"
            guard unsafe mkdir(made, index == parts.count - 1 ? mode : 0o755) != 0, errno != EEXIST else {
                continue
            }
            let failure = errno
            // A file system that will not let us make it may have it all the same (EROFS, or a dead mount: ENOTCONN).
            var status = stat()
            guard unsafe stat(made, &status) != 0, errno != ENOTCONN else { continue }
            throw Errno(rawValue: failure)
        }
    }
}
