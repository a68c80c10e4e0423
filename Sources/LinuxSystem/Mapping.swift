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
    /// Its number among the guarded ones; `nil` for memory that nobody else can take away.
    private let guardNumber: CInt?

    /// Maps `byteCount` bytes of `descriptor` from `offset` on, a page's start, shared, for reading and writing.
    ///
    /// - Parameter mayVanish: its pages may be taken away by somebody else, or lost by the machine. Then they are zeros
    ///   from there on, of this process alone, and `hasVanished` says so; without it that ends the process (SIGBUS).
    public init(
        of descriptor: CInt, at offset: Int64 = 0, byteCount: Int, mayVanish: Bool = false
    ) throws(Errno) {
        guard byteCount > 0,
            let address = unsafe mmap(
                nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, off_t(offset))
        else { throw .invalidArgument }
        // SAFETY: MAP_FAILED is the all-ones address; anything else is `byteCount` mapped bytes.
        guard UInt(bitPattern: address) != .max else { throw Errno(rawValue: errno) }
        do throws(Errno) {
            // SAFETY: the range just mapped; `deinit` takes the guard away before it is unmapped.
            unsafe guardNumber = mayVanish ? try checked(unsafe clinux_guard(address, byteCount)) : nil
        } catch {
            unsafe munmap(address, byteCount)
            throw error
        }
        unsafe base = address
        unsafe self.byteCount = byteCount
    }

    /// Pages of it have gone: what is read there now is zeros, what is written reaches nobody.
    public var hasVanished: Bool { unsafe guardNumber.map { clinux_guard_has_lost($0) != 0 } ?? false }

    /// How often any mapping has lost pages: while it stays, `hasVanished` stays as well. One load.
    public static var lossCount: UInt32 { clinux_loss_count() }

    // SAFETY: the range mapped in `init`; the last holder of this object is gone.
    deinit {
        if let guardNumber = unsafe guardNumber { clinux_unguard(guardNumber) }
        unsafe munmap(base, byteCount)
    }
}
