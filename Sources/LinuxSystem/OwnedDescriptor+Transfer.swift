import Glibc
public import SystemPackage

/// Reading and writing an open file where it stands: what takes a message a call.
extension OwnedDescriptor {
    /// Opens an existing file for reading and writing, close-on-exec.
    public init(openingForReadingAndWriting path: String, isNonBlocking: Bool = false) throws(Errno) {
        // SAFETY: a string of this process, lent for the call.
        let descriptor = unsafe open(path, O_RDWR | O_CLOEXEC | (isNonBlocking ? O_NONBLOCK : 0))
        guard descriptor >= 0 else { throw Errno(rawValue: errno) }
        self.init(owning: descriptor)
    }

    /// One `read` of at most `limit` bytes, and no more than `buffer` has, into its beginning.
    ///
    /// - Returns: how many; 0 at the end.
    public borrowing func readNext(into buffer: inout [UInt8], atMost limit: Int = .max) throws(Errno) -> Int
    {
        // SAFETY: the array's own storage, borrowed for the call with at most its own count.
        let count = unsafe buffer.withUnsafeMutableBytes {
            unsafe Glibc.read(rawValue, $0.baseAddress, min($0.count, limit))
        }
        guard count >= 0 else { throw Errno(rawValue: errno) }
        return count
    }

    /// One `writev` of `first` and then `second`.
    ///
    /// - Returns: how many bytes were taken, of both together.
    public borrowing func writeNext(_ first: [UInt8], _ second: [UInt8]) throws(Errno) -> Int {
        let descriptor = rawValue
        // SAFETY: the arrays' own storage, borrowed for the call with their own counts; writev only reads it.
        let count = unsafe first.withUnsafeBytes { one in
            unsafe second.withUnsafeBytes { two in
                var parts: InlineArray<2, iovec> = unsafe [
                    iovec(iov_base: UnsafeMutableRawPointer(mutating: one.baseAddress), iov_len: one.count),
                    iovec(iov_base: UnsafeMutableRawPointer(mutating: two.baseAddress), iov_len: two.count),
                ]
                var span = unsafe parts.mutableSpan
                return unsafe span.withUnsafeMutableBufferPointer {
                    unsafe writev(descriptor, $0.baseAddress, 2)
                }
            }
        }
        guard count >= 0 else { throw Errno(rawValue: errno) }
        return count
    }
}
