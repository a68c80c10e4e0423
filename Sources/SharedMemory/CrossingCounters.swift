public import CLinux

/// What one side's accesses to the other side's memory add up to, by direction. Each counter has one writer, the
/// link's own thread; any thread may read them.
@safe
public final class CrossingCounters: @unchecked Sendable {
    /// In the order of the storage below.
    public enum Field: Int, CaseIterable, Sendable {
        case reads, readBytes, writes, writtenBytes
    }

    @usableFromInline let storage: UnsafeMutablePointer<UInt64>

    public init() {
        unsafe storage = .allocate(capacity: Field.allCases.count)
        unsafe storage.initialize(repeating: 0, count: Field.allCases.count)
    }

    // SAFETY: allocated in `init`, never handed out.
    deinit { unsafe storage.deallocate() }

    /// Counts one access of `byteCount` bytes that read across the link.
    @inlinable @inline(__always)
    public func countRead(_ byteCount: Int) {
        add(1, to: .reads)
        add(byteCount, to: .readBytes)
    }

    /// Counts one access of `byteCount` bytes that wrote across the link.
    @inlinable @inline(__always)
    public func countWrite(_ byteCount: Int) {
        add(1, to: .writes)
        add(byteCount, to: .writtenBytes)
    }

    /// Counts `count` accesses of `byteCount` bytes in all that read across the link.
    @inlinable @inline(__always)
    public func countReads(_ count: Int, byteCount: Int) {
        add(count, to: .reads)
        add(byteCount, to: .readBytes)
    }

    /// Counts `count` accesses of `byteCount` bytes in all that wrote across the link.
    @inlinable @inline(__always)
    public func countWrites(_ count: Int, byteCount: Int) {
        add(count, to: .writes)
        add(byteCount, to: .writtenBytes)
    }

    public subscript(_ field: Field) -> UInt64 {
        // SAFETY: the field's raw value is below the allocated count.
        unsafe clinux_load_relaxed64(storage + field.rawValue)
    }

    @inlinable @inline(__always)
    func add(_ amount: Int, to field: Field) {
        // SAFETY: as above. ORDER: relaxed; one writer, and readers only want a recent value.
        let place = unsafe storage + field.rawValue
        unsafe clinux_store_relaxed64(
            place, clinux_load_relaxed64(place) &+ UInt64(truncatingIfNeeded: amount))
    }
}
