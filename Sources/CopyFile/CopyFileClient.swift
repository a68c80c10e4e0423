import LinuxSystem
public import SystemPackage

/// A backend's hold on one queue: an open copy file. Any thread may `send`; one thread `receive`s, with a
/// `ChainReceiver` of its own, and sending goes through while it waits.
///
/// ```
///   device's queue ──► receive()   chains, as many as are ready
///                  ◄── send()      answers, completed together
/// ```
public final class CopyFileClient: Sendable {
    public let path: String
    private let descriptor: OwnedDescriptor

    /// Opens the queue's `copy` file.
    ///
    /// - Throws: `EACCES` or `ENOENT` as for any file; `ENODEV` when the device is gone; `ENOTCONN` when the
    ///   tree's daemon is.
    public init(path: String, isNonBlocking: Bool = false) throws(Errno) {
        self.path = path
        descriptor = try OwnedDescriptor(openingForReadingAndWriting: path, isNonBlocking: isNonBlocking)
    }

    /// For `poll`: readable when `receive` has something, priority when it has a reset to tell, hung up when the
    /// device is gone. Waiting in `receive` is cheaper.
    public var rawDescriptor: CInt { descriptor.rawValue }

    /// Sends one batch. When this returns, the completed chains are in the used ring: only then forget them.
    ///
    /// - Throws: why nothing of it was applied.
    public func send(_ batch: borrowing BatchWriter) throws(CopyFileError) {
        guard !batch.isEmpty else { return }
        let headers = batch.headerBytes()
        while true {
            do throws(Errno) {
                guard try descriptor.writeNext(headers, batch.payloads) == batch.byteCount else {
                    throw Errno.ioError
                }
                return
            } catch {
                // A write is applied whole or not at all, so one that a signal ended can be sent again.
                guard error == .interrupted else { throw CopyFileError(error) }
            }
        }
    }

    /// Waits for the next batch.
    ///
    /// - Returns: false when there is none: a signal came, or the file is non-blocking.
    public func receive(_ receiver: inout ChainReceiver) throws(CopyFileError) -> Bool {
        let count: Int
        do throws(Errno) {
            count = try descriptor.readNext(into: &receiver.buffer, atMost: receiver.roomOffered)
        } catch {
            if error == .interrupted || error == .wouldBlock { return false }
            if error == .staleNFSFileHandle { receiver.forget() }
            throw CopyFileError(error)
        }
        try receiver.take(count)
        return true
    }
}
