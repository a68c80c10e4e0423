import CLinux
public import SystemPackage

/// What one attempt at a stream that never waits came to.
public enum StreamProgress: Sendable {
    case moved(Int)
    case wouldBlock
    case ended

    /// - Parameter result: a count, or `-errno`.
    init(result: Int) throws(Errno) {
        switch result {
        case 1...: self = .moved(result)
        case 0: self = .ended
        default:
            switch Errno(rawValue: CInt(truncatingIfNeeded: -result)) {
            case .brokenPipe, .connectionReset: self = .ended
            case .wouldBlock, .interrupted: self = .wouldBlock
            case let errno: throw errno
            }
        }
    }
}

/// A stream socket as bytes, without waiting.
extension Socket {
    /// Reads into `bytes` from `start` on, as far as there is storage.
    public borrowing func read(into bytes: inout [UInt8], from start: Int) throws(Errno) -> StreamProgress {
        precondition(start >= 0 && start < bytes.count, "there must be room to read into")
        let socket = rawDescriptor
        // SAFETY: the storage behind `start`, borrowed for the call with its own count.
        let result = unsafe bytes.withUnsafeMutableBytes { buffer in
            let room = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[start...])
            return unsafe clinux_stream_read(socket, room.baseAddress, room.count)
        }
        return try StreamProgress(result: result)
    }

    /// Writes what of `bytes` goes now.
    public borrowing func write(_ bytes: ArraySlice<UInt8>) throws(Errno) -> StreamProgress {
        // SAFETY: the slice's own storage, borrowed for the call with its own count.
        let result = unsafe bytes.withUnsafeBytes {
            unsafe clinux_stream_write(rawDescriptor, $0.baseAddress, $0.count)
        }
        return try StreamProgress(result: result)
    }

    /// Room for large messages: a sender that fills what a socket has by default sleeps until most of it is read, again
    /// and again for one message. As much as the system allows; less only costs time.
    public borrowing func makeSendRoom(byteCount: Int) {
        clinux_send_room(rawDescriptor, CInt(clamping: byteCount))
    }

    /// Ends both directions, without closing the descriptor.
    public borrowing func shutDown() { _ = clinux_shut_down(rawDescriptor) }
}
