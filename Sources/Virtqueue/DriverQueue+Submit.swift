public import SharedMemory

/// Making chains available: begin, append ranges (readable ones first), commit; then publish many at once.
extension DriverQueue {
    /// Starts a chain; one that was begun and not committed is forgotten.
    @inlinable @inline(__always)
    public mutating func begin(token: UInt64) {
        if building.descriptors != 0 { abandon() }
        building.token = token
    }

    /// Adds a range that the device reads.
    ///
    /// - Returns: false when no descriptor is free: abandon, and take used chains first.
    /// - Precondition: nothing writable was appended before (VIRTIO 1.3, 2.7.4.2); at most 32 bits of length.
    @inlinable @inline(__always)
    public mutating func appendReadable(_ range: PeerRange) -> Bool {
        precondition(!building.hasWritable, "a readable range after a writable one")
        return append(range, flags: 0)
    }

    /// Adds a range that the device writes.
    ///
    /// - Returns: as for a readable one.
    @inlinable @inline(__always)
    public mutating func appendWritable(_ range: PeerRange) -> Bool {
        guard append(range, flags: Descriptor.writeFlag) else { return false }
        building.hasWritable = true
        let (sum, overflow) = building.writableBytes.addingReportingOverflow(
            UInt32(truncatingIfNeeded: range.byteCount))
        precondition(!overflow, "a writable part longer than 32 bits count")
        building.writableBytes = sum
        return true
    }

    /// Gives the descriptors of a chain that was begun back.
    @inlinable
    public mutating func abandon() {
        if building.descriptors != 0 {
            records[Int(building.last)].next = firstFree
            firstFree = building.head
            free &+= Int(building.descriptors)
        }
        building.clear()
    }

    /// Puts the chain into the available ring, where the device sees it after `publishAvailable()`.
    ///
    /// - Precondition: at least one range was appended.
    @inlinable @inline(__always)
    public mutating func commit() {
        precondition(building.descriptors != 0, "a chain without descriptors")
        writePending(followedBy: nil)
        let head = Int(building.head)
        records[head].token = building.token
        records[head].writableBytes = building.writableBytes
        records[head].last = building.last
        records[head].descriptors = building.descriptors
        records[head].sequence = nextAvailable
        records[head].isHead = true
        rings.available.store16(building.head, at: rings.layout.availableHeadOffset(nextAvailable))
        nextAvailable &+= 1
        building.clear()
    }

    /// One whole chain.
    ///
    /// - Returns: false when too few descriptors are free: nothing was done.
    @inlinable
    public mutating func submit(
        readable: Span<PeerRange>, writable: Span<PeerRange>, token: UInt64
    ) -> Bool {
        guard readable.count &+ writable.count <= free else { return false }
        begin(token: token)
        for index in readable.indices { _ = appendReadable(readable[index]) }
        for index in writable.indices { _ = appendWritable(writable[index]) }
        commit()
        return true
    }

    /// Shows the device all chains committed so far.
    ///
    /// - Returns: whether the device asked to be notified of them.
    @inlinable @inline(__always)
    public mutating func publishAvailable() -> Bool {
        let old = publishedAvailable
        guard nextAvailable != old else { return false }
        // ORDER: release; pairs with the device's acquiring load of this index, so that heads, descriptors and the
        // bytes of readable parts are visible before the count that includes them.
        rings.available.storeReleasing16(nextAvailable, at: SplitLayout.indexOffset)
        publishedAvailable = nextAvailable
        // ORDER: full; pairs with the device's fence between asking to be told and looking at the index again.
        fullFence()
        if rings.usesEventIndex {
            let event = rings.used.load16(at: rings.layout.availableEventOffset)
            return passes(event: event, movingFrom: old, to: nextAvailable)
        }
        let flags = rings.used.load16(at: SplitLayout.flagsOffset)
        return flags & SplitLayout.suppressionFlag == 0
    }

    @inlinable @inline(__always)
    mutating func append(_ range: PeerRange, flags: UInt16) -> Bool {
        precondition(range.byteCount <= UInt64(UInt32.max), "a range longer than 32 bits count")
        guard free != 0 else { return false }
        let index = firstFree
        if building.descriptors == 0 {
            building.head = index
        } else {
            records[Int(building.last)].next = index
            writePending(followedBy: index)
        }
        firstFree = records[Int(index)].next
        free &-= 1
        building.last = index
        building.descriptors &+= 1
        building.address = range.address
        building.byteCount = UInt32(truncatingIfNeeded: range.byteCount)
        building.flags = flags
        return true
    }

    /// Writes the last descriptor, held back until it is known what follows: one write each across the link.
    @inlinable @inline(__always)
    mutating func writePending(followedBy next: UInt16?) {
        let descriptor = Descriptor(
            address: building.address, byteCount: building.byteCount,
            flags: next == nil ? building.flags : building.flags | Descriptor.nextFlag, next: next ?? 0)
        let offset = SplitLayout.descriptorOffset(building.last)
        rings.table.store64(descriptor.address, at: offset)
        rings.table.store64(descriptor.word, at: offset &+ 8)
    }
}

/// A chain begun and not committed. Its last descriptor is not written yet.
@frozen @usableFromInline
struct ChainBuilding: Sendable {
    @usableFromInline var token: UInt64 = 0
    @usableFromInline var address: UInt64 = 0
    @usableFromInline var byteCount: UInt32 = 0
    @usableFromInline var writableBytes: UInt32 = 0
    @usableFromInline var flags: UInt16 = 0
    @usableFromInline var head: UInt16 = 0
    @usableFromInline var last: UInt16 = 0
    @usableFromInline var descriptors: UInt16 = 0
    @usableFromInline var hasWritable = false

    @inlinable init() {}

    /// What a next chain may not find; all else is set before it is looked at.
    @inlinable @inline(__always)
    mutating func clear() { (descriptors, writableBytes, hasWritable) = (0, 0, false) }
}
