import CLinux
import Glibc
public import SystemPackage

/// A socket file whose permissions say who may connect.
extension Socket {
    /// As `listening(_:at:backlog:)`; the file has `mode` (0600, say) from the moment it exists.
    ///
    /// - Throws: `EADDRINUSE` when somebody listens there, and what `bind` and `chmod` say.
    public static func listening(
        _ kind: Kind, at path: String, mode: UInt32, backlog: CInt = 16
    ) throws(Errno) -> Socket {
        removeIfNobodyListens(kind, at: path)
        return Socket(
            owning: OwnedDescriptor(
                owning: try checked(unsafe clinux_unix_listen_as(kind.rawValue, path, backlog, mode))))
    }

    /// Removes a socket file that we listened on; what is no socket by now stays.
    public static func remove(at path: String) {
        if isSocket(path) { _ = unsafe clinux_unlink(path) }
    }

    /// Makes room for a socket: a killed process leaves its file behind, and only nobody's socket refuses. A file of any
    /// other kind refuses as well, and is its owner's.
    static func removeIfNobodyListens(_ kind: Kind, at path: String) {
        do {
            let answering = try connected(kind, to: path)
            _ = consume answering
        } catch {
            if error == .connectionRefused { remove(at: path) }
        }
    }

    /// Symbolic links are not followed: what would be removed is the link.
    private static func isSocket(_ path: String) -> Bool {
        var status = stat()
        return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
    }
}
