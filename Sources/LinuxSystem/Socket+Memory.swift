import CLinux
public import SystemPackage

/// A stream socket and memory that is lent to the kernel for one call.
extension Socket {
    /// Reads what is there into `memory`, without waiting.
    ///
    /// - Precondition: `memory` is not empty.
    @unsafe
    public borrowing func read(into memory: UnsafeMutableRawBufferPointer) throws(Errno) -> StreamProgress {
        try StreamProgress(result: unsafe clinux_stream_read(rawDescriptor, memory.baseAddress, memory.count))
    }

    /// Writes what goes now of `prefix` and then of `memory`.
    ///
    /// - Precondition: not both are empty.
    @unsafe
    public borrowing func write(
        _ prefix: ArraySlice<UInt8>, then memory: UnsafeRawBufferPointer
    ) throws(Errno) -> StreamProgress {
        // SAFETY: the slice's own storage, borrowed for the call with its own count; the caller lends `memory`.
        try StreamProgress(
            result: unsafe prefix.withUnsafeBytes { first in
                unsafe clinux_stream_write_both(
                    rawDescriptor, first.baseAddress, first.count, memory.baseAddress, memory.count)
            })
    }
}
