/// A reply (R-message) of 9P2000.L. Payloads are slices of the frame they came in.
public enum Reply: Hashable, Sendable {
    /// Rlerror: an errno in the generic Linux numbering, the answer to any request.
    case error(code: UInt32)
    /// Rversion
    case version(maximumMessageSize: UInt32, version: Name)
    /// Rauth
    case auth(qid: Qid)
    /// Rattach
    case attach(qid: Qid)
    /// Rflush: after it, nothing may follow for the old tag.
    case flush
    /// Rwalk: fewer qids than names when a later name failed; the new fid then does not exist.
    case walk(qids: [Qid])
    /// Rlopen: `ioUnit` zero leaves the size of reads and writes to msize.
    case lopen(qid: Qid, ioUnit: UInt32)
    /// Rlcreate
    case lcreate(qid: Qid, ioUnit: UInt32)
    /// Rread
    case read(data: ArraySlice<UInt8>)
    /// Rwrite
    case write(count: UInt32)
    /// Rclunk
    case clunk
    /// Rremove
    case remove
    /// Rreaddir: whole `DirectoryEntry` encodings; none at the end.
    case readdir(entries: ArraySlice<UInt8>)
    /// Rgetattr
    case getattr(FileAttributes)
    /// Rsetattr
    case setattr
    /// Rstatfs
    case statfs(FileSystemStatistics)
    /// Rfsync
    case fsync
    /// Rsymlink
    case symlink(qid: Qid)
    /// Rreadlink
    case readlink(target: Name)
    /// Rmknod
    case mknod(qid: Qid)
    /// Rmkdir
    case mkdir(qid: Qid)
    /// Rlink
    case link
    /// Rrename
    case rename
    /// Rrenameat
    case renameat
    /// Runlinkat
    case unlinkat
    /// Rxattrwalk: how many bytes the value (or the list of names) has.
    case xattrwalk(size: UInt64)
    /// Rxattrcreate
    case xattrcreate
    /// Rlock
    case lock(status: FileLock.Status)
    /// Rgetlock: kind `.unlock` when nothing stands in the way, else the lock that does.
    case getlock(lock: FileLock)

    /// Which request it answers; `nil` for `error`, which answers any.
    public var answers: RequestType? {
        switch self {
        case .error: nil
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
