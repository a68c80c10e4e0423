public import SharedMemory
public import Virtio

/// The driver's end of a running split virtqueue. Held in a local of the loop that uses it, or by one exclusive
/// owner; used by one thread at a time.
///
/// The free list, the chains in flight and how much room each gave are kept here. Descriptor table and available
/// ring, which may lie across the link, are only written; of the used ring, which lies on this side, index and
/// elements are read once each.
@frozen
public struct DriverQueue: ~Copyable, Sendable {
    @usableFromInline let rings: CheckedRings
    @usableFromInline var records: PrivateTable<DriverRecord>
    @usableFromInline var firstFree: UInt16 = 0
    @usableFromInline var free: Int

    @usableFromInline var nextAvailable: UInt16 = 0
    @usableFromInline var publishedAvailable: UInt16 = 0
    @usableFromInline var nextUsed: UInt16 = 0
    /// The device's index when last looked at.
    @usableFromInline var seenUsed: UInt16 = 0

    /// Descriptors written and not yet counted as having crossed the link.
    @usableFromInline var uncounted = 0
    /// The chain being put together.
    @usableFromInline var building = ChainBuilding()
    /// What the device broke; set once.
    public private(set) var violation: PeerViolation?
    @usableFromInline var isBroken = false

    /// - Parameter isResumed: an earlier process drove it; its rings stay as they are, and `resume` follows.
    init(_ rings: consuming CheckedRings, isResumed: Bool) {
        let count = rings.layout.size.count
        if !isResumed {
            rings.available.zero(at: 0, byteCount: rings.available.byteCount)
            rings.used.zero(at: 0, byteCount: rings.used.byteCount)
        }
        records = PrivateTable(repeating: DriverRecord(), count: count)
        for index in 0..<count { records[index].next = UInt16(truncatingIfNeeded: index &+ 1) }
        free = count
        self.rings = rings
    }

    @inlinable public var size: QueueSize { rings.layout.size }
    @inlinable public var usesEventIndex: Bool { rings.usesEventIndex }
    /// Descriptors not in use: how many ranges can still be submitted.
    @inlinable public var freeCount: Int { free }
    /// Chains were committed that the device is not shown yet.
    @inlinable public var hasUnpublished: Bool { nextAvailable != publishedAvailable }
    /// How many those are.
    @inlinable public var unpublishedCount: Int { Int(nextAvailable &- publishedAvailable) }
    /// Chains submitted (published or not) and not yet taken back.
    @inlinable public var inFlightCount: Int { Int(nextAvailable &- nextUsed) }

    /// One chain that came back.
    @frozen
    public struct Completion: Hashable, Sendable {
        /// What was given with the chain.
        public let token: UInt64
        /// Bytes the device says it wrote, from the start of the writable part; never more than there was room for.
        public let written: UInt32

        @inlinable
        init(token: UInt64, written: UInt32) {
            self.token = token
            self.written = written
        }
    }

    /// The next chain the device completed, `nil` when there is none.
    ///
    /// - Throws: what the device broke, from then on each time: it needs a reset.
    @inlinable @inline(__always)
    public mutating func takeUsed() throws(PeerViolation) -> Completion? {
        do throws(PeerViolation) {
            guard try hasUsed() else { return nil }
            var (head, count) = (firstFree, free)
            let completion = try take(nextUsed, &head, &count)
            (firstFree, free) = (head, count)
            nextUsed &+= 1
            return completion
        } catch {
            markBroken(error)
            throw error
        }
    }

    /// All chains the device has completed, each given to `body`: at less cost than one by one.
    ///
    /// - Returns: how many there were.
    /// - Throws: as `takeUsed()`, after those before it were given.
    @inlinable @inline(__always)
    public mutating func takeAllUsed(_ body: (Completion) -> Void) throws(PeerViolation) -> Int {
        let first = nextUsed
        do throws(PeerViolation) {
            while try hasUsed() {
                // Where we are is kept in locals: what is stored in the rings may not make us load it again.
                var position = nextUsed
                let end = seenUsed
                var (head, count) = (firstFree, free)
                defer { (nextUsed, firstFree, free) = (position, head, count) }
                while position != end {
                    body(try take(position, &head, &count))
                    position &+= 1
                }
            }
            return Int(nextUsed &- first)
        } catch {
            markBroken(error)
            throw error
        }
    }

    // MARK: Notifications from the device

    /// Asks the device not to notify. A hint: notifications may still come.
    @inlinable
    public mutating func disableNotifications() {
        guard !rings.usesEventIndex else { return }
        rings.available.store16(SplitLayout.suppressionFlag, at: SplitLayout.flagsOffset)
    }

    /// Asks the device to notify when it has completed more.
    ///
    /// - Returns: true when there is more already, which no notification may come for: take it before waiting.
    @inlinable
    public mutating func enableNotifications() -> Bool {
        if rings.usesEventIndex {
            rings.available.store16(nextUsed, at: rings.layout.usedEventOffset)
        } else {
            rings.available.store16(0, at: SplitLayout.flagsOffset)
        }
        // ORDER: full; pairs with the device's fence between its index and its look at what was asked.
        fullFence()
        return !hasNothingUsed
    }

    /// The device's index, as it is now: moves whenever something was completed. A hint, unchecked.
    public var usedIndexInRing: UInt16 {
        // ORDER: acquire; what is read on the strength of it is read again when it is taken.
        rings.used.loadAcquiring16(at: SplitLayout.indexOffset)
    }

    /// True when nothing has come back.
    @inlinable
    public var hasNothingUsed: Bool {
        // ORDER: acquire; pairs with the device's releasing store of this index.
        nextUsed == seenUsed && rings.used.loadAcquiring16(at: SplitLayout.indexOffset) == nextUsed
    }

    // MARK: Insides

    @inlinable @inline(__always)
    mutating func hasUsed() throws(PeerViolation) -> Bool {
        if nextUsed != seenUsed { return true }
        if isBroken { try rethrowViolation() }
        // ORDER: acquire; pairs with the device's releasing store, so that elements and what was written into the
        // chains are visible.
        let index = rings.used.loadAcquiring16(at: SplitLayout.indexOffset)
        guard index &- nextUsed <= publishedAvailable &- nextUsed else {
            throw .indexJumped(from: nextUsed, to: index, queueSize: UInt32(size.rawValue))
        }
        seenUsed = index
        return index != nextUsed
    }

    /// Takes the used element at `position`, and its chain's descriptors to the free ones.
    @inlinable @inline(__always)
    mutating func take(
        _ position: UInt16, _ firstFree: inout UInt16, _ free: inout Int
    ) throws(PeerViolation) -> Completion {
        rings.elements.crossing?.countReads(2, byteCount: 8)
        let id = rings.elements.load32(position)
        let written = rings.elements.load32(position, at: 4)
        guard id < UInt32(size.rawValue) else { throw .usedElementID(id) }
        let record = records[Int(id)]
        // Not published are the last ones committed. Any number of later chains may have come and gone meanwhile.
        let isPublished = record.sequence &- publishedAvailable >= nextAvailable &- publishedAvailable
        guard record.descriptors != 0, isPublished else { throw .usedElementID(id) }
        guard written <= record.writableBytes else {
            throw .usedLength(written, capacity: record.writableBytes)
        }
        let head = UInt16(truncatingIfNeeded: id)
        records[Int(id)].descriptors = 0
        // Of one descriptor, the commonest of chains, the last is the first.
        records[record.descriptors == 1 ? Int(id) : Int(record.last)].next = firstFree
        firstFree = head
        free &+= Int(record.descriptors)
        return Completion(token: record.token, written: written)
    }

    @usableFromInline @inline(never)
    mutating func markBroken(_ error: PeerViolation) {
        violation = error
        isBroken = true
        // Nothing more is taken without looking, where it is found to be broken.
        seenUsed = nextUsed
    }

    @usableFromInline @inline(never)
    func rethrowViolation() throws(PeerViolation) {
        if let violation { throw violation }
    }
}

/// What the driver believes of one descriptor; the fields after `next` are those of the chain that begins here.
@frozen @usableFromInline
struct DriverRecord: BitwiseCopyable, Sendable {
    @usableFromInline var token: UInt64 = 0
    @usableFromInline var writableBytes: UInt32 = 0
    /// The next descriptor of the chain, or of the free list.
    @usableFromInline var next: UInt16 = 0
    /// Means nothing in a chain of one.
    @usableFromInline var last: UInt16 = 0
    /// The chain's length, 0 where no chain in flight begins, and its position in the available ring.
    @usableFromInline var descriptors: UInt16 = 0
    @usableFromInline var sequence: UInt16 = 0

    @inlinable init() {}
}
