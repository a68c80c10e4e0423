public import LinuxSystem
public import SystemPackage

/// Bytes between a stream socket and a window. With ordinary memory the kernel copies, once, and nobody here looks at
/// what may change; device memory is never lent to it, so its bytes go by way of a buffer of ours.
extension MemoryWindow {
    /// Reads from `socket` what is there, at most `byteCount` bytes, into the window at `offset`.
    public func fill(
        at offset: Int, byteCount: Int, from socket: borrowing Socket
    ) throws(Errno) -> StreamProgress {
        if isDeviceMemory { return try fillThroughBuffer(at: offset, byteCount: byteCount, from: socket) }
        do throws(Errno) {
            // SAFETY: `lend` checks the range; the memory does not outlive the call.
            return try unsafe lend(at: offset, byteCount: byteCount, crossesAs: nil) {
                memory throws(Errno) in try unsafe socket.read(into: memory)
            }
        } catch { throw found(error, at: offset, byteCount: byteCount) }
    }

    /// Writes to `socket` what goes now of `prefix` and then of `byteCount` bytes at `offset`.
    public func send(
        _ prefix: ArraySlice<UInt8>, thenAt offset: Int, byteCount: Int, to socket: borrowing Socket
    ) throws(Errno) -> StreamProgress {
        if isDeviceMemory {
            let copied = bytes(at: offset, byteCount: min(byteCount, Self.bufferByteCount))
            // SAFETY: the copy's own storage, borrowed for the call with its own count.
            return try unsafe copied.withUnsafeBufferPointer { memory throws(Errno) in
                try unsafe socket.write(prefix, then: UnsafeRawBufferPointer(memory))
            }
        }
        do throws(Errno) {
            // SAFETY: as above.
            return try unsafe lend(at: offset, byteCount: byteCount, crossesAs: nil) {
                memory throws(Errno) in
                try unsafe socket.write(prefix, then: UnsafeRawBufferPointer(memory))
            }
        } catch { throw found(error, at: offset, byteCount: byteCount) }
    }

    /// As much as one call moves by way of a buffer.
    private static var bufferByteCount: Int { 64 << 10 }

    private func fillThroughBuffer(
        at offset: Int, byteCount: Int, from socket: borrowing Socket
    ) throws(Errno) -> StreamProgress {
        var buffer = [UInt8](repeating: 0, count: min(byteCount, Self.bufferByteCount))
        // SAFETY: the array's own storage, borrowed for the call with its own count.
        let progress = try unsafe buffer.withUnsafeMutableBufferPointer { memory throws(Errno) in
            try unsafe socket.read(into: UnsafeMutableRawBufferPointer(memory))
        }
        if case .moved(let count) = progress { copy(buffer.span, from: 0, byteCount: count, to: offset) }
        return progress
    }

    /// What the kernel could not reach has vanished, and the link shall know.
    private func found(_ error: Errno, at offset: Int, byteCount: Int) -> Errno {
        if error == .badAddress { touch(at: offset, byteCount: byteCount) }
        return error
    }
}
