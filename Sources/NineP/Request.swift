/// A request (T-message) of 9P2000.L. Numbers and names are as the client stated them: decoded, not judged.
///
/// Payloads are slices of the frame they came in: nothing is copied, and the frame lives as long as they do.
public enum Request: Hashable, Sendable {
    /// Tversion: starts the session anew; its tag is `Tag.none`.
    case version(maximumMessageSize: UInt32, version: Name)
    /// Tauth
    case auth(authFid: Fid, user: Name, tree: Name, userNumber: UInt32)
    /// Tattach: `tree` is aname; `userNumber` n_uname, `Protocol9P.noUserNumber` to go by `user`.
    case attach(fid: Fid, authFid: Fid, user: Name, tree: Name, userNumber: UInt32)
    /// Tflush
    case flush(oldTag: Tag)
    /// Twalk: no names makes `newFid` a clone.
    case walk(fid: Fid, newFid: Fid, names: [Name])
    /// Tlopen
    case lopen(fid: Fid, flags: OpenFlags)
    /// Tlcreate: `fid`, a directory, becomes the new open file.
    case lcreate(fid: Fid, name: Name, flags: OpenFlags, mode: UInt32, group: UInt32)
    /// Tread: also what an xattrwalk fid holds.
    case read(fid: Fid, offset: UInt64, count: UInt32)
    /// Twrite
    case write(fid: Fid, offset: UInt64, data: ArraySlice<UInt8>)
    /// Tclunk: the fid is gone whatever the answer.
    case clunk(fid: Fid)
    /// Tremove: unlinks the file and clunks the fid, that also on error.
    case remove(fid: Fid)
    /// Treaddir: `offset` is a cookie of an earlier entry, zero for the first.
    case readdir(fid: Fid, offset: UInt64, count: UInt32)
    /// Tgetattr
    case getattr(fid: Fid, mask: AttributeMask)
    /// Tsetattr
    case setattr(fid: Fid, change: AttributeChange)
    /// Tstatfs
    case statfs(fid: Fid)
    /// Tfsync: older clients send no datasync, which means false.
    case fsync(fid: Fid, dataOnly: Bool)
    /// Tsymlink: the target is stored as it is, never resolved.
    case symlink(directory: Fid, name: Name, target: Name, group: UInt32)
    /// Treadlink
    case readlink(fid: Fid)
    /// Tmknod
    case mknod(directory: Fid, name: Name, mode: UInt32, major: UInt32, minor: UInt32, group: UInt32)
    /// Tmkdir
    case mkdir(directory: Fid, name: Name, mode: UInt32, group: UInt32)
    /// Tlink: a further name in `directory` for the file of `fid`.
    case link(directory: Fid, fid: Fid, name: Name)
    /// Trename: the older form of renameat.
    case rename(fid: Fid, directory: Fid, name: Name)
    /// Trenameat
    case renameat(oldDirectory: Fid, oldName: Name, newDirectory: Fid, newName: Name)
    /// Tunlinkat
    case unlinkat(directory: Fid, name: Name, flags: UnlinkFlags)
    /// Txattrwalk: an empty name lists the names.
    case xattrwalk(fid: Fid, newFid: Fid, name: Name)
    /// Txattrcreate: the value is what is then written, applied at clunk; size zero removes.
    case xattrcreate(fid: Fid, name: Name, size: UInt64, flags: XattrFlags)
    /// Tlock
    case lock(fid: Fid, lock: FileLock, flags: FileLock.Flags)
    /// Tgetlock
    case getlock(fid: Fid, lock: FileLock)

    public var type: RequestType {
        switch self {
        case .version: .version
        case .auth: .auth
        case .attach: .attach
        case .flush: .flush
        case .walk: .walk
        case .lopen: .lopen
        case .lcreate: .lcreate
        case .read: .read
        case .write: .write
        case .clunk: .clunk
        case .remove: .remove
        case .readdir: .readdir
        case .getattr: .getattr
        case .setattr: .setattr
        case .statfs: .statfs
        case .fsync: .fsync
        case .symlink: .symlink
        case .readlink: .readlink
        case .mknod: .mknod
        case .mkdir: .mkdir
        case .link: .link
        case .rename: .rename
        case .renameat: .renameat
        case .unlinkat: .unlinkat
        case .xattrwalk: .xattrwalk
        case .xattrcreate: .xattrcreate
        case .lock: .lock
        case .getlock: .getlock
        }
    }
}
