import CLinux
import Glibc

/// Copies between a window and private memory. Both ends of a copy are checked; what comes out of a window is the
/// caller's own and holds still.
extension MemoryWindow {
    /// Copies `destination.byteCount` bytes out of the window.
    public func copy(from offset: Int, into destination: inout MutableRawSpan) {
        let count = destination.byteCount
        requireRange(offset, count)
        crossing?.countRead(count)
        // SAFETY: both ranges hold `count` bytes; the span is private memory, so they do not overlap.
        unsafe destination.withUnsafeMutableBytes { bytes in
            guard let target = bytes.baseAddress else { return }
            unsafe copyOut(offset, target, count)
        }
    }

    /// Copies `source.byteCount` bytes into the window.
    public func copy(_ source: borrowing RawSpan, to offset: Int) {
        let count = source.byteCount
        requireRange(offset, count)
        crossing?.countWrite(count)
        // SAFETY: as above, the other way.
        unsafe source.withUnsafeBytes { bytes in
            guard let origin = bytes.baseAddress else { return }
            if isDeviceMemory {
                unsafe clinux_copy_to_device(base + offset, origin, count)
            } else {
                unsafe _ = memcpy(base + offset, origin, count)
            }
        }
    }

    /// A private copy of `byteCount` bytes.
    public func bytes(at offset: Int, byteCount: Int) -> [UInt8] {
        requireRange(offset, byteCount)
        crossing?.countRead(byteCount)
        // The standard library would store the count into the one empty array that all threads share.
        guard byteCount > 0 else { return [] }
        // SAFETY: the window's range was checked; the array has room for `byteCount` bytes and gets so many.
        return unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, filled in
            if let target = buffer.baseAddress { unsafe copyOut(offset, target, byteCount) }
            filled = byteCount
        }
    }

    /// Writes `bytes` at `offset`.
    public func write(_ bytes: [UInt8], at offset: Int) { unsafe copy(bytes.span.bytes, to: offset) }

    /// Zeroes a range, in aligned words where this is device memory.
    public func zero(at offset: Int, byteCount: Int) {
        requireRange(offset, byteCount)
        if isDeviceMemory { return write([UInt8](repeating: 0, count: byteCount), at: offset) }
        crossing?.countWrite(byteCount)
        // SAFETY: the range was checked against `byteCount`, which is constant, and `owner` keeps it mapped.
        unsafe _ = memset(base + offset, 0, byteCount)
    }

    /// Lends `byteCount` bytes to a system call that reads or writes them (`readv`, `writev`, `send`): the kernel
    /// copies, so nobody here looks at bytes that may change.
    ///
    /// - Precondition: ordinary memory; device memory goes through a bounce buffer.
    @unsafe
    public func lend<Result, Failure: Error>(
        at offset: Int, byteCount: Int, crossesAs direction: CrossingDirection?,
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        requireRange(offset, byteCount)
        precondition(!isDeviceMemory, "device memory is never lent to the kernel")
        switch direction {
        case .read: crossing?.countRead(byteCount)
        case .write: crossing?.countWrite(byteCount)
        case nil: break
        }
        return try unsafe body(UnsafeMutableRawBufferPointer(start: base + offset, count: byteCount))
    }

    // SAFETY: for callers that checked the window's range and brought a target of `count` bytes.
    private func copyOut(_ offset: Int, _ target: UnsafeMutableRawPointer, _ count: Int) {
        if isDeviceMemory {
            unsafe clinux_copy_from_device(target, base + offset, count)
        } else {
            unsafe _ = memcpy(target, base + offset, count)
        }
    }
}

/// How a lent range is used, seen from this side of the link.
@frozen
public enum CrossingDirection: Sendable {
    case read
    case write
}
