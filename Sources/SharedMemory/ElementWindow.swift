public import CLinux

/// Elements of one length side by side in a window, as many as a power of two says: the table of a ring.
///
/// Where they lie is checked once, when this is made. From then on an index is taken modulo their number, so no index
/// reaches outside, and no access is checked anew. As in a window, every access is one load or one store.
///
/// Accesses are not counted one by one: who makes them counts what crosses the link, once for many (`crossing`).
@safe @frozen
public struct ElementWindow<let stride: Int>: ~Copyable, @unchecked Sendable {
    @usableFromInline let first: UnsafeMutableRawPointer
    @usableFromInline let mask: Int
    /// Counts what crosses the link; `nil` where nothing does.
    public let crossing: CrossingCounters?
    /// What keeps `first` mapped.
    @usableFromInline let owner: AnyObject

    /// - Precondition: `count` is a power of two, and so many elements lie in `window` from `offset` on, where fields of
    ///   `width` bytes (a power of two) are aligned.
    public init(_ window: MemoryWindow, at offset: Int, count: Int, fieldWidth width: Int) {
        precondition(count > 0 && count & (count &- 1) == 0, "a number of elements that is no power of two")
        precondition(stride > 0 && stride % width == 0, "fields that are not aligned in every element")
        window.requireRange(offset, stride * count)
        // SAFETY: checked above against the window's length, which is constant; `owner` keeps it mapped.
        unsafe first = window.base + offset
        precondition(UInt(bitPattern: unsafe first) % UInt(width) == 0, "misaligned elements")
        mask = count &- 1
        crossing = window.crossing
        owner = window.owner
    }

    /// How many elements there are.
    @inlinable public var count: Int { mask &+ 1 }

    // SAFETY (all below): the masked index is below the count that `init` checked, and the field lies in its element,
    // aligned as `init` checked (field offsets are literals, so that their check costs nothing); the mapping lives as
    // long as `owner`; the pointer does not leave the expression.
    @inlinable @inline(__always)
    func place(_ index: UInt16, _ field: Int, _ width: Int) -> UnsafeMutableRawPointer {
        precondition(field >= 0 && field % width == 0 && field &+ width <= stride, "outside the element")
        return unsafe first + ((Int(index) & mask) &* stride &+ field)
    }

    @inlinable @inline(__always)
    public func load16(_ index: UInt16, at field: Int = 0) -> UInt16 {
        unsafe UInt16(littleEndian: clinux_load_relaxed16(place(index, field, 2)))
    }

    @inlinable @inline(__always)
    public func load32(_ index: UInt16, at field: Int = 0) -> UInt32 {
        unsafe UInt32(littleEndian: clinux_load_relaxed32(place(index, field, 4)))
    }

    @inlinable @inline(__always)
    public func load64(_ index: UInt16, at field: Int = 0) -> UInt64 {
        unsafe UInt64(littleEndian: clinux_load_relaxed64(place(index, field, 8)))
    }

    @inlinable @inline(__always)
    public func store16(_ value: UInt16, _ index: UInt16, at field: Int = 0) {
        unsafe clinux_store_relaxed16(place(index, field, 2), value.littleEndian)
    }

    @inlinable @inline(__always)
    public func store32(_ value: UInt32, _ index: UInt16, at field: Int = 0) {
        unsafe clinux_store_relaxed32(place(index, field, 4), value.littleEndian)
    }

    @inlinable @inline(__always)
    public func store64(_ value: UInt64, _ index: UInt16, at field: Int = 0) {
        unsafe clinux_store_relaxed64(place(index, field, 8), value.littleEndian)
    }
}
