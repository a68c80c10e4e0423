import SharedMemory

/// One request's descriptors, taken by a device: copied, checked and resolved, so everything here holds still. A
/// plain value; the segments themselves lie in the queue that gave it out, until it is completed there.
@frozen
public struct DescriptorChain: Hashable, Sendable {
    /// Position of the first descriptor in the table: the id in the used ring.
    public let head: UInt16
    @usableFromInline var descriptors: UInt32 = 0
    @usableFromInline var readableBytes: UInt32 = 0
    @usableFromInline var writableBytes: UInt32 = 0
    @usableFromInline var readableSegments: UInt32 = 0
    @usableFromInline var writableSegments: UInt32 = 0
    /// Places in the queue's segment table.
    @usableFromInline var firstWritable: UInt32 = .noSegment
    @usableFromInline var last: UInt32 = .noSegment

    @inlinable init(head: UInt16) { self.head = head }

    /// A chain of one descriptor, which is not empty.
    @inlinable @inline(__always)
    init(head: UInt16, only descriptor: Descriptor) {
        self.head = head
        descriptors = 1
        last = UInt32(head)
        if descriptor.isWritable {
            (writableBytes, writableSegments, firstWritable) = (descriptor.byteCount, 1, UInt32(head))
        } else {
            (readableBytes, readableSegments) = (descriptor.byteCount, 1)
        }
    }

    /// Descriptors visited, those of an indirect table among them: at most the queue's size, and one more for the
    /// descriptor that names the table.
    @inlinable public var descriptorCount: Int { Int(descriptors) }
    /// Bytes the driver gave to read, in all.
    @inlinable public var readableByteCount: UInt32 { readableBytes }
    /// Room for bytes the device writes, in all.
    @inlinable public var writableByteCount: UInt32 { writableBytes }
    /// Readable pieces of memory that are not empty.
    @inlinable public var readableSegmentCount: Int { Int(readableSegments) }
    /// Writable pieces of memory that are not empty.
    @inlinable public var writableSegmentCount: Int { Int(writableSegments) }
}

/// One descriptor's memory as the queue keeps it, privately: where it lies, resolved and checked, and what follows.
@frozen @usableFromInline
struct ChainSegment: BitwiseCopyable, Sendable {
    @usableFromInline var offset = 0
    @usableFromInline var byteCount: UInt32 = 0
    /// Place of the next segment of the chain in the table, or of the next free one.
    @usableFromInline var next: UInt32 = .noSegment
    /// The head of the chain that holds this one, `.noSegment` while none does.
    @usableFromInline var owner: UInt32 = .noSegment
    @usableFromInline var windowIndex: UInt16 = 0

    /// In nobody's use.
    @inlinable init() {}

    /// In use by the chain that begins at `head`, and its last.
    @inlinable @inline(__always)
    init(offset: Int = 0, byteCount: UInt32 = 0, windowIndex: UInt16 = 0, head: UInt16) {
        (self.offset, self.byteCount, self.windowIndex) = (offset, byteCount, windowIndex)
        owner = UInt32(head)
    }

    @inlinable var isInUse: Bool { owner != .noSegment }
}

/// The window in which a descriptor's memory was found last, where the next one's most likely is as well.
@frozen @usableFromInline
struct HomeWindow: BitwiseCopyable, Sendable {
    @usableFromInline var base: UInt64 = 0
    /// Zero while there is none.
    @usableFromInline var byteCount: UInt64 = 0
    @usableFromInline var windowIndex: UInt16 = 0

    @inlinable init() {}

    init(of windowIndex: Int, in space: AddressSpace) {
        let placement = space.placements[windowIndex]
        base = placement.base
        byteCount = UInt64(placement.window.byteCount)
        self.windowIndex = UInt16(truncatingIfNeeded: windowIndex)
    }

    /// Where in the window all of a range lies, `nil` when it does not lie there.
    @inlinable @inline(__always)
    func offset(of address: UInt64, byteCount count: UInt32) -> Int? {
        let offset = address &- base
        // An address below `base` gives an offset above every length. A range that wraps reaches past the end.
        guard offset < byteCount, UInt64(count) <= byteCount &- offset else { return nil }
        return Int(truncatingIfNeeded: offset)
    }
}

extension UInt32 {
    /// Ends a list of segments.
    @inlinable static var noSegment: UInt32 { .max }
}

/// A position in the readable part of a chain. A plain value: copy it to come back to where it was.
@frozen
public struct ChainReader: Hashable, Sendable {
    @usableFromInline var cursor: ChainCursor
    /// Bytes not yet read.
    @inlinable public var remainingByteCount: Int { Int(cursor.remaining) }

    @inlinable init(_ cursor: ChainCursor) { self.cursor = cursor }
}

/// A position in the writable part of a chain.
@frozen
public struct ChainWriter: Hashable, Sendable {
    @usableFromInline var cursor: ChainCursor
    /// Room left.
    @inlinable public var remainingByteCount: Int { Int(cursor.remaining) }

    @inlinable init(_ cursor: ChainCursor) { self.cursor = cursor }
}

/// A segment, how far into it, and how much is left of the part this cursor goes through.
@frozen @usableFromInline
struct ChainCursor: Hashable, Sendable {
    @usableFromInline var segment: UInt32
    @usableFromInline var offset: UInt32 = 0
    @usableFromInline var remaining: UInt32

    @inlinable
    init(segment: UInt32, remaining: UInt32) {
        self.segment = segment
        self.remaining = remaining
    }
}
