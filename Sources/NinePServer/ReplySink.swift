/// Where a session's replies go. Called from worker threads, from several at once; none of these may wait.
///
/// `token` is what the carrier gave with the request's frame: a chain of a queue, or nothing of meaning.
public protocol ReplySink: AnyObject, Sendable {
    /// One whole reply frame, at most as long as the carrier said there is room for.
    func send(_ frame: [UInt8], for token: UInt64)
    /// No reply will come for the request: it was flushed, or its session was renewed.
    func withdraw(_ token: UInt64)
    /// The client broke the protocol in a way no reply can mend: its connection (or device) is to be given up.
    func drop(because reason: String)
}
