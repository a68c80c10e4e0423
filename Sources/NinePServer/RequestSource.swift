/// Where requests come from: the clients of a socket, the driver of a device.
///
/// Two threads are at it by turns, see `Lookout`; one is in `takeIn` at a time.
public protocol RequestSource: AnyObject, Sendable {
    associatedtype Failure: Error

    /// Waits for requests and submits them, to be served by the caller.
    ///
    /// - Parameter worker: the calling thread, which may be acting as anybody.
    /// - Returns: false when there is nothing more to come.
    func takeIn(on worker: Worker) throws(Failure) -> Bool

    /// Sends the answers that were kept to go together. From any thread.
    func sendHeldBack()
}
