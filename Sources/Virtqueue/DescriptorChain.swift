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
    @usableFromInline var windowIndex: UInt16 = 0
    /// The head of the chain that holds this one, while `isInUse`.
    @usableFromInline var head: UInt16 = 0
    @usableFromInline var isInUse = false

    @inlinable init() {}
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
