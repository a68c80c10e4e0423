import CLinux
import Glibc
public import SystemPackage

/// A shared mapping of a memory file, unmapped when nobody holds it any more.
///
/// - Note: Only `SharedMemory` and the links use the address; everyone else has a checked `MemoryWindow`.
@unsafe
public final class Mapping: @unchecked Sendable {
    public let base: UnsafeMutableRawPointer
    public let byteCount: Int

    /// Maps the first `byteCount` bytes of `descriptor`, shared, for reading and writing.
    public init(of descriptor: CInt, byteCount: Int) throws(Errno) {
        guard byteCount > 0,
            let address = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
        else { throw .invalidArgument }
        // SAFETY: MAP_FAILED is the all-ones address; anything else is `byteCount` mapped bytes.
        guard UInt(bitPattern: address) != .max else { throw Errno(rawValue: errno) }
        unsafe base = address
        unsafe self.byteCount = byteCount
    }

    // SAFETY: the range mapped in `init`; the last holder of this object is gone.
    deinit { unsafe munmap(base, byteCount) }
}
