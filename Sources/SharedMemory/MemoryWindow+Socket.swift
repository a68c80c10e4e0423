public import LinuxSystem
public import SystemPackage

/// Bytes straight between a stream socket and a window: the kernel copies, once, and nobody here looks at what may
/// change. For ordinary memory of our own.
extension MemoryWindow {
    /// Reads from `socket` what is there, at most `byteCount` bytes, into the window at `offset`.
    public func fill(
        at offset: Int, byteCount: Int, from socket: borrowing Socket
    ) throws(Errno) -> StreamProgress {
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
        do throws(Errno) {
            // SAFETY: as above.
            return try unsafe lend(at: offset, byteCount: byteCount, crossesAs: nil) {
                memory throws(Errno) in
                try unsafe socket.write(prefix, then: UnsafeRawBufferPointer(memory))
            }
        } catch { throw found(error, at: offset, byteCount: byteCount) }
    }

    /// What the kernel could not reach has vanished, and the link shall know.
    private func found(_ error: Errno, at offset: Int, byteCount: Int) -> Errno {
        if error == .badAddress { touch(at: offset, byteCount: byteCount) }
        return error
    }
}
