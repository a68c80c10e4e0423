/// A table of plain values in private memory, allocated once: what a queue believes is kept here, never where a
/// peer can write. Indices are checked; unlike an array it has one owner, so a write costs no uniqueness check.
@safe @frozen
public struct PrivateTable<Element: BitwiseCopyable & Sendable>: ~Copyable, @unchecked Sendable {
    @usableFromInline var base: UnsafeMutablePointer<Element>
    public private(set) var count: Int

    public init(repeating element: Element, count: Int) {
        precondition(count >= 0, "a table of a negative length")
        unsafe base = .allocate(capacity: count)
        unsafe base.initialize(repeating: element, count: count)
        self.count = count
    }

    // SAFETY: allocated in `init` or `grow`, never handed out.
    deinit { unsafe base.deallocate() }

    /// In place: reading or writing one field of an element touches that field alone.
    @inlinable
    public subscript(_ index: Int) -> Element {
        @inline(__always) unsafeAddress {
            precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "outside the table")
            // SAFETY: checked above against `count`, which is what was allocated and initialised, and never negative.
            return unsafe UnsafePointer(base + index)
        }
        @inline(__always) unsafeMutableAddress {
            precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "outside the table")
            // SAFETY: as above.
            return unsafe base + index
        }
    }

    /// Makes room for `newCount` elements, the new ones set to `element`. Keeps what is there.
    public mutating func grow(to newCount: Int, repeating element: Element) {
        guard newCount > count else { return }
        let larger = UnsafeMutablePointer<Element>.allocate(capacity: newCount)
        // SAFETY: the new block holds `newCount` elements, more than the `count` initialised ones copied.
        unsafe larger.initialize(from: base, count: count)
        unsafe (larger + count).initialize(repeating: element, count: newCount - count)
        unsafe base.deallocate()
        unsafe base = larger
        count = newCount
    }
}
