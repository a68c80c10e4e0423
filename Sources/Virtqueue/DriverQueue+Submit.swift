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
        rings.heads.store16(building.head, nextAvailable)
        nextAvailable &+= 1
        building.clear()
    }

    /// Many chains of one range that the device reads, at less cost than one by one: `chain` is asked for each, by its
    /// number from 0 on.
    ///
    /// - Returns: how many were submitted: all, or as many as there were free descriptors.
    /// - Precondition: ranges of at most 32 bits of length.
    @inlinable @inline(__always)
    public mutating func submitReadable<Failure: Error>(
        count: Int, _ chain: (Int) throws(Failure) -> (range: PeerRange, token: UInt64)
    ) throws(Failure) -> Int {
        try submit(count, flags: 0, chain)
    }

    /// As `submitReadable`, for ranges that the device writes.
    @inlinable @inline(__always)
    public mutating func submitWritable<Failure: Error>(
        count: Int, _ chain: (Int) throws(Failure) -> (range: PeerRange, token: UInt64)
    ) throws(Failure) -> Int {
        try submit(count, flags: Descriptor.writeFlag, chain)
    }

    @inlinable @inline(__always)
    mutating func submit<Failure: Error>(
        _ count: Int, flags: UInt16, _ chain: (Int) throws(Failure) -> (range: PeerRange, token: UInt64)
    ) throws(Failure) -> Int {
        if building.descriptors != 0 { abandon() }
        // Where we are is kept in locals: what is stored in the rings may not make us load it again.
        var (head, position, done) = (firstFree, nextAvailable, 0)
        let limit = min(count, free)
        defer {
            (firstFree, nextAvailable) = (head, position)
            free &-= done
            uncounted &+= done
        }
        while done < limit {
            let (range, token) = try chain(done)
            precondition(range.byteCount <= UInt64(UInt32.max), "a range longer than 32 bits count")
            let byteCount = UInt32(truncatingIfNeeded: range.byteCount)
            let descriptor = Descriptor(address: range.address, byteCount: byteCount, flags: flags, next: 0)
            rings.descriptors.store64(descriptor.address, head)
            rings.descriptors.store64(descriptor.word, head, at: 8)
            let next = records[Int(head)].next
            records[Int(head)].token = token
            records[Int(head)].writableBytes = flags == 0 ? 0 : byteCount
            records[Int(head)].descriptors = 1
            records[Int(head)].sequence = position
            rings.heads.store16(head, position)
            head = next
            position &+= 1
            done &+= 1
        }
        return done
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
        countSubmitted(Int(nextAvailable &- old))
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

    /// Counts what was written of `heads` and of the descriptors that belong to them, if that crosses the link.
    @inlinable @inline(__always)
    mutating func countSubmitted(_ heads: Int) {
        rings.descriptors.crossing?.countWrites(2 &* uncounted, byteCount: 16 &* uncounted)
        rings.heads.crossing?.countWrites(heads, byteCount: 2 &* heads)
        uncounted = 0
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
        rings.descriptors.store64(descriptor.address, building.last)
        rings.descriptors.store64(descriptor.word, building.last, at: 8)
        uncounted &+= 1
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
