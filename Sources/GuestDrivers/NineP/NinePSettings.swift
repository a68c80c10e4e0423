import CVOP
import NineP

/// What is configured of 9p drivers.
public struct NinePSettings: Sendable, Hashable {
    /// Where sockets are made that nobody gave another path: `<tag>.sock`.
    public var directory: String
    /// A socket file's permissions: who may be the client.
    public var mode: UInt32 = 0o600
    /// The largest msize a session gets; `messageSizeLimit` bounds it.
    public var messageSizeMaximum: UInt32 = NinePSettings.messageSizeLimit
    /// Memory for requests and replies on their way, for each device. Where the link's window has less, half of that,
    /// and so on; the session's msize is at most a quarter of what it gets.
    public var poolByteCount = 8 << 20
    /// So many steps are made with a client's requests in one `service()`; then others have their turn.
    public var requestBudget = 256
    /// How long a client that is refused may take to say its first word.
    public var refusalLimit: Duration = .seconds(5)
    /// How long the next client is kept waiting while the device forgets the last one; after that it is refused.
    public var endLimit: Duration = .seconds(10)

    public init(directory: String) { self.directory = directory }

    /// What one call of a copy file carries beside its headers, and one byte less, since a read is always shorter than
    /// its buffer; in whole pages.
    public static let messageSizeLimit: UInt32 = {
        let headers = MemoryLayout<vop_copy_batch>.size + MemoryLayout<vop_copy_record>.size
        return UInt32(Int(VOP_COPY_MAX) - headers - 1) & ~4095
    }()

    /// How long a session is kept for a client that hung up, as long as its process lives; zero: not at all.
    public var graceLimit: Duration = .seconds(60)

    static let poolByteCountMinimum = 64 << 10
}
