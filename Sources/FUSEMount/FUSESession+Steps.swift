internal import CFUSE
public import SystemPackage

/// Receiving and serving apart, for threads that want to know when they have work: between the two, others can be told to
/// wait for the next request.
extension FUSESession {
    /// The next request, into `buffer`. Waits for it if the device does.
    ///
    /// - Returns: `.processed` when `process` is to be called, `.empty` when nothing came, `.ended` at the end.
    public func receive(into buffer: inout RequestBuffer) throws(Errno) -> Step {
        guard !hasEnded else { return .ended }
        // SAFETY: the buffer is this call's alone; libfuse fills it.
        let result = unsafe fuse_session_receive_buf(session, &buffer.raw)
        switch result {
        case 1...: return .processed
        case 0: return .ended
        case -Errno.wouldBlock.rawValue, -Errno.interrupted.rawValue: return .empty
        default: throw Errno(rawValue: -result)
        }
    }

    /// Serves the request that `receive` put into `buffer`.
    public func process(_ buffer: inout RequestBuffer) {
        // SAFETY: filled by `receive`; libfuse only reads it.
        unsafe fuse_session_process_buf(session, &buffer.raw)
    }
}
