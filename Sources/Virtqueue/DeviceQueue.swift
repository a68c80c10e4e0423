public import SharedMemory
public import Virtio

/// The device's end of a running split virtqueue. Held in a local of the loop that serves it, or by one exclusive
/// owner; used by one thread at a time.
///
/// ```
///   driver                          │ device
///   table[head] …                   │
///   available ring, index (release) │ takeChain()   index (acquire), head, each descriptor: read once, kept here
///                                   │ copy(…)       pieces resolved when taken
///                                   │ complete()    used element
///   index (acquire), element        │ publishUsed() index (release), once for many; then: must I notify?
/// ```
///
/// Nothing here is ever read back from memory the driver can write: positions, chains in flight and their segments
/// are private.
@frozen
public struct DeviceQueue: ~Copyable, Sendable {
    @usableFromInline let rings: CheckedRings
    /// The windows descriptors may point at.
    public let buffers: AddressSpace

    @usableFromInline var home = HomeWindow()
    /// One segment a descriptor of the table, then those of indirect tables.
    @usableFromInline var segments: PrivateTable<ChainSegment>
    /// The first free segment of the indirect ones.
    @usableFromInline var freeIndirect: UInt32 = .noSegment
    @usableFromInline var freeIndirectCount = 0

    @usableFromInline var nextAvailable: UInt16 = 0
    /// The driver's index when last looked at: up to here heads may be taken without looking again.
    @usableFromInline var seenAvailable: UInt16 = 0
    @usableFromInline var nextUsed: UInt16 = 0
    @usableFromInline var publishedUsed: UInt16 = 0
    /// What the driver broke; set once.
    public private(set) var violation: PeerViolation?
    @usableFromInline var isBroken = false
    /// Chains in flight when this queue was resumed that were not taken again yet.
    @usableFromInline var untaken = 0

    init(_ rings: consuming CheckedRings, buffers: AddressSpace) {
        self.buffers = buffers
        segments = PrivateTable(repeating: ChainSegment(), count: rings.layout.size.count)
        self.rings = rings
    }

    @inlinable public var size: QueueSize { rings.layout.size }
    /// Chains taken and not completed.
    @inlinable public var inFlightCount: Int { Int(nextAvailable &- nextUsed) &- untaken }
    @inlinable public var usesEventIndex: Bool { rings.usesEventIndex }
    @inlinable public var usesIndirectDescriptors: Bool { rings.usesIndirect }

    /// True when there is nothing to take now. Looks at the driver's index only when all seen before is taken.
    @inlinable
    public var isEmpty: Bool {
        // ORDER: acquire; pairs with the driver's releasing store of this index.
        nextAvailable == seenAvailable
            && rings.available.loadAcquiring16(at: SplitLayout.indexOffset) == nextAvailable
    }

    /// The driver's index, as it is now: moves whenever something was made available. A hint, unchecked.
    public var availableIndexInRing: UInt16 {
        // ORDER: acquire; what is read on the strength of it is read again when it is taken.
        rings.available.loadAcquiring16(at: SplitLayout.indexOffset)
    }

    /// How many chains the driver says are there to be taken: a hint, unchecked, never more than the queue's size.
    @inlinable
    public var availableCount: Int {
        // ORDER: relaxed would do; nothing is read on the strength of it.
        let index = rings.available.loadAcquiring16(at: SplitLayout.indexOffset)
        return min(Int(index &- nextAvailable), size.count)
    }

    /// The next chain the driver made available, `nil` when there is none (or, with indirect tables, when no more
    /// segments can be kept until one is completed).
    ///
    /// - Throws: what the driver broke, from then on each time: the device needs a reset.
    @inlinable @inline(__always)
    public mutating func takeChain() throws(PeerViolation) -> DescriptorChain? {
        do throws(PeerViolation) {
            guard try hasAvailable() else { return nil }
            rings.heads.crossing?.countReads(1, byteCount: 2)
            let head = rings.heads.load16(nextAvailable)
            guard let chain = try walk(from: head) else { return nil }
            nextAvailable &+= 1
            return chain
        } catch {
            markBroken(error)
            throw error
        }
    }

    /// Gives a chain back to the driver, not yet published. `written` counts bytes written into its writable part,
    /// from the start of that part, and nothing else (VIRTIO 1.3, 2.7.8.2).
    ///
    /// - Precondition: `chain` came from this queue and is in flight; `written` is no more than it has room for.
    @inlinable @inline(__always)
    public mutating func complete(_ chain: DescriptorChain, written: UInt32) {
        precondition(written <= chain.writableByteCount, "more written than the chain has room for")
        releaseSegments(of: chain)
        rings.elements.store32(UInt32(chain.head), nextUsed)
        rings.elements.store32(written, nextUsed, at: 4)
        nextUsed &+= 1
    }

    /// Shows the driver all chains completed so far.
    ///
    /// - Returns: whether the driver asked to be notified of them.
    @inlinable @inline(__always)
    public mutating func publishUsed() -> Bool {
        let old = publishedUsed
        guard nextUsed != old else { return false }
        let count = Int(nextUsed &- old)
        rings.elements.crossing?.countWrites(2 &* count, byteCount: 8 &* count)
        // ORDER: release; pairs with the driver's acquiring load of this index, so that elements and the bytes
        // written into chains are visible before the count that includes them.
        rings.used.storeReleasing16(nextUsed, at: SplitLayout.indexOffset)
        publishedUsed = nextUsed
        // ORDER: full; pairs with the driver's fence between asking to be told and looking at the index again.
        fullFence()
        if rings.usesEventIndex {
            let event = rings.available.load16(at: rings.layout.usedEventOffset)
            return passes(event: event, movingFrom: old, to: nextUsed)
        }
        let flags = rings.available.load16(at: SplitLayout.flagsOffset)
        return flags & SplitLayout.suppressionFlag == 0
    }

    // MARK: Notifications from the driver

    /// Asks the driver not to notify. A hint: notifications may still come.
    @inlinable
    public mutating func disableNotifications() {
        // With the event index the flag is not used (VIRTIO 1.3, 2.7.10.1), and leaving the event behind is enough.
        guard !rings.usesEventIndex else { return }
        rings.used.store16(SplitLayout.suppressionFlag, at: SplitLayout.flagsOffset)
    }

    /// Asks the driver to notify when it makes more available.
    ///
    /// - Returns: true when there is more already, which no notification may come for: take it before waiting.
    @inlinable
    public mutating func enableNotifications() -> Bool {
        if rings.usesEventIndex {
            rings.used.store16(nextAvailable, at: rings.layout.availableEventOffset)
        } else {
            rings.used.store16(0, at: SplitLayout.flagsOffset)
        }
        // ORDER: full; pairs with the driver's fence between its index and its look at what was asked.
        fullFence()
        return !isEmpty
    }

    // MARK: Insides

    @inlinable @inline(__always)
    mutating func hasAvailable() throws(PeerViolation) -> Bool {
        if nextAvailable != seenAvailable { return true }
        if isBroken { try rethrowViolation() }
        // ORDER: acquire; pairs with the driver's releasing store, so that the heads and descriptors it counts are
        // visible.
        let index = rings.available.loadAcquiring16(at: SplitLayout.indexOffset)
        guard index &- nextAvailable <= size.rawValue else {
            throw .indexJumped(from: nextAvailable, to: index, queueSize: UInt32(size.rawValue))
        }
        seenAvailable = index
        return index != nextAvailable
    }

    @usableFromInline @inline(never)
    mutating func markBroken(_ error: PeerViolation) {
        violation = error
        isBroken = true
        // Nothing more is taken without looking, where it is found to be broken.
        seenAvailable = nextAvailable
    }

    @usableFromInline @inline(never)
    func rethrowViolation() throws(PeerViolation) {
        if let violation { throw violation }
    }
}
