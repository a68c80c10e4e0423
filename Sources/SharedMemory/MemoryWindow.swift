public import CLinux
public import LinuxSystem

/// Bytes that the peer may write at any time, reached by position only.
///
/// Every access is checked against the window's own, constant length: a position outside is our fault and traps
/// (positions from a peer were checked when they became a `WindowSlice`). Each load reads memory once, so check
/// the value that came back, not the memory. Multi-byte values are little-endian (VIRTIO 1.3, 1.4).
///
/// A window that belongs to the other side counts what crosses the link in `crossing`.
@safe @frozen
public struct MemoryWindow: @unchecked Sendable {
    @usableFromInline let base: UnsafeMutableRawPointer
    public let byteCount: Int
    /// True for a BAR: only aligned volatile accesses, and copies in aligned words.
    public let isDeviceMemory: Bool
    @usableFromInline let crossing: CrossingCounters?
    /// What keeps `base` mapped: the owner of the mapping, or of the heap block.
    @usableFromInline let owner: AnyObject

    /// The whole of `mapping`.
    public init(_ mapping: Mapping, isDeviceMemory: Bool = false, crossing: CrossingCounters? = nil) {
        unsafe base = mapping.base
        unsafe byteCount = mapping.byteCount
        self.isDeviceMemory = isDeviceMemory
        self.crossing = crossing
        unsafe owner = mapping
    }

    @usableFromInline
    init(
        base: UnsafeMutableRawPointer, byteCount: Int, isDeviceMemory: Bool, crossing: CrossingCounters?,
        owner: AnyObject
    ) {
        unsafe self.base = base
        self.byteCount = byteCount
        self.isDeviceMemory = isDeviceMemory
        self.crossing = crossing
        self.owner = owner
    }

    /// `byteCount` zeroed bytes of this process's own heap, 4096-aligned: a loopback link's memory.
    public static func heap(byteCount: Int, crossing: CrossingCounters? = nil) -> MemoryWindow {
        let block = unsafe HeapBlock(byteCount: byteCount)
        return unsafe MemoryWindow(
            base: block.base, byteCount: byteCount, isDeviceMemory: false, crossing: crossing, owner: block)
    }

    /// The same bytes, seen by the other side: accesses are counted there.
    public func counted(by crossing: CrossingCounters?) -> MemoryWindow {
        unsafe MemoryWindow(
            base: base, byteCount: byteCount, isDeviceMemory: isDeviceMemory, crossing: crossing, owner: owner
        )
    }

    /// Part of this window as a window of its own.
    public func part(at offset: Int, byteCount: Int) -> MemoryWindow {
        requireRange(offset, byteCount)
        // SAFETY: the range was checked against this window, and the part keeps the same owner.
        return unsafe MemoryWindow(
            base: base + offset, byteCount: byteCount, isDeviceMemory: isDeviceMemory, crossing: crossing,
            owner: owner)
    }

    @inlinable @inline(__always)
    func requireRange(_ offset: Int, _ count: Int) {
        precondition(
            offset >= 0 && count >= 0 && count <= byteCount && offset <= byteCount &- count,
            "outside the window")
    }

    /// - Parameter width: a power of two.
    @inlinable @inline(__always)
    func requireAligned(_ offset: Int, _ width: Int) {
        precondition(offset & (width &- 1) == 0, "misaligned access to a window")
        // The access's last byte. An aligned offset below zero is at most `-width`, so that does not wrap, and is
        // beyond every window.
        let last = UInt(bitPattern: offset) &+ UInt(bitPattern: width &- 1)
        precondition(last < UInt(bitPattern: byteCount), "outside the window")
    }

    // MARK: Single accesses
    // SAFETY (all below): `requireAligned` checked range and alignment against `byteCount`, which is constant; the
    // mapping lives as long as `owner`; the pointer does not leave the expression.

    @inlinable @inline(__always)
    public func load8(at offset: Int) -> UInt8 {
        requireRange(offset, 1)
        crossing?.countRead(1)
        return unsafe clinux_load_relaxed8(base + offset)
    }

    @inlinable @inline(__always)
    public func load16(at offset: Int) -> UInt16 {
        requireAligned(offset, 2)
        crossing?.countRead(2)
        return unsafe UInt16(littleEndian: clinux_load_relaxed16(base + offset))
    }

    @inlinable @inline(__always)
    public func load32(at offset: Int) -> UInt32 {
        requireAligned(offset, 4)
        crossing?.countRead(4)
        return unsafe UInt32(littleEndian: clinux_load_relaxed32(base + offset))
    }

    @inlinable @inline(__always)
    public func load64(at offset: Int) -> UInt64 {
        requireAligned(offset, 8)
        crossing?.countRead(8)
        return unsafe UInt64(littleEndian: clinux_load_relaxed64(base + offset))
    }

    @inlinable @inline(__always)
    public func loadAcquiring8(at offset: Int) -> UInt8 {
        requireRange(offset, 1)
        crossing?.countRead(1)
        return unsafe clinux_load_acquire8(base + offset)
    }

    @inlinable @inline(__always)
    public func loadAcquiring16(at offset: Int) -> UInt16 {
        requireAligned(offset, 2)
        crossing?.countRead(2)
        return unsafe UInt16(littleEndian: clinux_load_acquire16(base + offset))
    }

    @inlinable @inline(__always)
    public func loadAcquiring32(at offset: Int) -> UInt32 {
        requireAligned(offset, 4)
        crossing?.countRead(4)
        return unsafe UInt32(littleEndian: clinux_load_acquire32(base + offset))
    }

    @inlinable @inline(__always)
    public func loadAcquiring64(at offset: Int) -> UInt64 {
        requireAligned(offset, 8)
        crossing?.countRead(8)
        return unsafe UInt64(littleEndian: clinux_load_acquire64(base + offset))
    }

    @inlinable @inline(__always)
    public func store8(_ value: UInt8, at offset: Int) {
        requireRange(offset, 1)
        crossing?.countWrite(1)
        unsafe clinux_store_relaxed8(base + offset, value)
    }

    @inlinable @inline(__always)
    public func store16(_ value: UInt16, at offset: Int) {
        requireAligned(offset, 2)
        crossing?.countWrite(2)
        unsafe clinux_store_relaxed16(base + offset, value.littleEndian)
    }

    @inlinable @inline(__always)
    public func store32(_ value: UInt32, at offset: Int) {
        requireAligned(offset, 4)
        crossing?.countWrite(4)
        unsafe clinux_store_relaxed32(base + offset, value.littleEndian)
    }

    @inlinable @inline(__always)
    public func store64(_ value: UInt64, at offset: Int) {
        requireAligned(offset, 8)
        crossing?.countWrite(8)
        unsafe clinux_store_relaxed64(base + offset, value.littleEndian)
    }

    @inlinable @inline(__always)
    public func storeReleasing8(_ value: UInt8, at offset: Int) {
        requireRange(offset, 1)
        crossing?.countWrite(1)
        unsafe clinux_store_release8(base + offset, value)
    }

    @inlinable @inline(__always)
    public func storeReleasing16(_ value: UInt16, at offset: Int) {
        requireAligned(offset, 2)
        crossing?.countWrite(2)
        unsafe clinux_store_release16(base + offset, value.littleEndian)
    }

    @inlinable @inline(__always)
    public func storeReleasing32(_ value: UInt32, at offset: Int) {
        requireAligned(offset, 4)
        crossing?.countWrite(4)
        unsafe clinux_store_release32(base + offset, value.littleEndian)
    }

    @inlinable @inline(__always)
    public func storeReleasing64(_ value: UInt64, at offset: Int) {
        requireAligned(offset, 8)
        crossing?.countWrite(8)
        unsafe clinux_store_release64(base + offset, value.littleEndian)
    }
}

/// Page-aligned heap memory with one owner.
@unsafe
final class HeapBlock {
    let base: UnsafeMutableRawPointer
    init(byteCount: Int) {
        unsafe base = .allocate(byteCount: byteCount, alignment: 4096)
        unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    }
    deinit { unsafe base.deallocate() }
}
