/// Part of one window, checked: the only form in which a number from the peer reaches memory.
@frozen
public struct WindowSlice: Hashable, Sendable {
    /// Which window of the address space.
    public let windowIndex: Int
    public let offset: Int
    public let byteCount: Int

    @inlinable
    public init(windowIndex: Int, offset: Int, byteCount: Int) {
        self.windowIndex = windowIndex
        self.offset = offset
        self.byteCount = byteCount
    }
}

/// The windows of a link's one 64-bit address space, each at its own range; the only place where an address becomes
/// memory. Ranges are disjoint and none contains address zero.
///
/// ```
///   0        host windows            guest windows
///   |  …  [ page, rings … ]  …  [ used rings, buffers ]  …
/// ```
@frozen
public struct AddressSpace: Sendable {
    @frozen
    public struct Placement: Sendable {
        public let base: UInt64
        public let window: MemoryWindow

        @inlinable
        public init(base: UInt64, window: MemoryWindow) {
            self.base = base
            self.window = window
        }

        @inlinable public var end: UInt64 { base &+ UInt64(window.byteCount) }
    }

    public private(set) var placements: [Placement] = []

    public init() {}

    /// - Throws: `.meeting` when a range is empty, contains zero, or overlaps another, `.rangeWraps` when it wraps.
    ///   Each costs the meeting, since ranges are announced there.
    public init(_ placements: [Placement]) throws(PeerViolation) {
        for placement in placements { try add(placement) }
    }

    public mutating func add(_ placement: Placement) throws(PeerViolation) {
        let range = try PeerRange(
            untrustedAddress: placement.base, byteCount: UInt64(placement.window.byteCount))
        guard range.address != 0, range.byteCount != 0 else {
            throw .meeting("window \(range) contains address zero or is empty")
        }
        for other in placements where range.address < other.end && other.base < range.end {
            throw .meeting("window \(range) overlaps another")
        }
        placements.append(placement)
    }

    /// Where a range lies.
    ///
    /// - Throws: `.rangeOutsideWindows` unless one window holds all of it (the fault of whoever stated the range).
    @inlinable
    public func resolve(_ range: PeerRange) throws(PeerViolation) -> WindowSlice {
        for index in placements.indices {
            let placement = placements[index]
            // No overflow: `range.end` was checked when the range was made, and `end` when it was placed.
            if range.address >= placement.base && range.end <= placement.end {
                return WindowSlice(
                    windowIndex: index, offset: Int(range.address &- placement.base),
                    byteCount: Int(range.byteCount))
            }
        }
        throw .rangeOutsideWindows(address: range.address, byteCount: range.byteCount)
    }

    @inlinable
    public func window(of slice: WindowSlice) -> MemoryWindow { placements[slice.windowIndex].window }

    /// The slice's own bytes as a window.
    public func window(covering range: PeerRange) throws(PeerViolation) -> MemoryWindow {
        let slice = try resolve(range)
        return window(of: slice).part(at: slice.offset, byteCount: slice.byteCount)
    }
}
