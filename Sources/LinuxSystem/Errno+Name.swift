import CLinux
public import SystemPackage

extension Errno {
    /// Its name, as `ENOENT`; the number where it has none.
    public var name: String {
        // SAFETY: the library's own constant string, or NULL.
        unsafe clinux_errno_name(rawValue).map { unsafe String(cString: $0) } ?? "\(rawValue)"
    }
}
