/// The requests of 9P2000.L by their number on the wire. A reply's number is its request's plus one; `Rlerror`
/// (7) answers any of them.
public enum RequestType: UInt8, CaseIterable, Sendable {
    /// Tstatfs
    case statfs = 8
    /// Tlopen
    case lopen = 12
    /// Tlcreate
    case lcreate = 14
    /// Tsymlink
    case symlink = 16
    /// Tmknod
    case mknod = 18
    /// Trename
    case rename = 20
    /// Treadlink
    case readlink = 22
    /// Tgetattr
    case getattr = 24
    /// Tsetattr
    case setattr = 26
    /// Txattrwalk
    case xattrwalk = 30
    /// Txattrcreate
    case xattrcreate = 32
    /// Treaddir
    case readdir = 40
    /// Tfsync
    case fsync = 50
    /// Tlock
    case lock = 52
    /// Tgetlock
    case getlock = 54
    /// Tlink
    case link = 70
    /// Tmkdir
    case mkdir = 72
    /// Trenameat
    case renameat = 74
    /// Tunlinkat
    case unlinkat = 76
    /// Tversion
    case version = 100
    /// Tauth
    case auth = 102
    /// Tattach
    case attach = 104
    /// Tflush
    case flush = 108
    /// Twalk
    case walk = 110
    /// Tread
    case read = 116
    /// Twrite
    case write = 118
    /// Tclunk
    case clunk = 120
    /// Tremove
    case remove = 122

    /// Rlerror
    public static let errorReplyNumber: UInt8 = 7
    /// The number of its reply on the wire.
    public var replyNumber: UInt8 { rawValue + 1 }
}
