/// How much one client may take of the server, and how large messages get.
public struct ServerOptions: Sendable {
    /// The largest msize offered; a carrier may offer less.
    public var maximumMessageSize: UInt32 = 1 << 20
    /// Threads that execute requests.
    public var workerCount: Int = 4
    /// Fids of one client; then `EMFILE`.
    public var fidsPerClient: Int = 65536
    /// Requests of one client that are being executed or wait for it; then its carrier stops reading.
    public var requestsPerClient: Int = 256
    /// Bytes of one client's requests and their replies in memory; then its carrier stops reading.
    public var bytesPerClient: Int = 16 << 20
    /// Bytes of extended attributes held by fids of one client; then `ENOMEM`.
    public var xattrBytesPerClient: Int = 4 << 20
    /// Ranges locked by one client; then the lock is refused (ENOLCK there).
    public var locksPerClient: Int = 16384

    public init() {}
}
