public import SharedMemory
public import Virtio

/// From a head to a checked chain: every descriptor is copied once, marked as taken, and its address resolved.
extension DeviceQueue {
    /// - Returns: `nil` when an indirect table's segments cannot be kept until another chain is completed.
    @inlinable @inline(__always)
    mutating func walk(from head: UInt16) throws(PeerViolation) -> DescriptorChain? {
        guard head < size.rawValue else {
            throw .descriptorIndex(UInt32(head), queueSize: UInt32(size.rawValue))
        }
        let descriptor = copyDescriptor(at: head)
        // One descriptor that lies where the last one lay, the commonest of chains, is all done here.
        guard !descriptor.hasNext, !descriptor.isIndirect, descriptor.byteCount != 0,
            let offset = home.offset(of: descriptor.address, byteCount: descriptor.byteCount),
            !segments[Int(head)].isInUse
        else { return try walkOn(from: head, descriptor) }
        segments[Int(head)] = ChainSegment(
            offset: offset, byteCount: descriptor.byteCount, windowIndex: home.windowIndex, head: head)
        return DescriptorChain(head: head, only: descriptor)
    }

    /// As `walk`, for chains of any length; `first` is the descriptor at `head`.
    @usableFromInline @inline(never)
    mutating func walkOn(from head: UInt16, _ first: Descriptor) throws(PeerViolation) -> DescriptorChain? {
        var chain = DescriptorChain(head: head)
        var index = head
        var descriptor = first
        while true {
            try claim(index, for: &chain)
            if descriptor.isIndirect {
                guard try appendTable(descriptor, to: &chain) else {
                    releaseSegments(of: chain)
                    return nil
                }
                return chain
            }
            try append(descriptor, at: UInt32(index), to: &chain)
            guard descriptor.hasNext else { return chain }
            index = descriptor.next
            guard index < size.rawValue else {
                throw .descriptorIndex(UInt32(index), queueSize: UInt32(size.rawValue))
            }
            descriptor = copyDescriptor(at: index)
        }
    }

    @inlinable @inline(__always)
    func copyDescriptor(at index: UInt16) -> Descriptor {
        rings.descriptors.crossing?.countReads(2, byteCount: 16)
        return Descriptor(
            address: rings.descriptors.load64(index), word: rings.descriptors.load64(index, at: 8))
    }

    /// Marks a descriptor of the table as part of `chain`. One that is taken already is either further up in the
    /// same chain (a loop) or belongs to another chain in flight.
    mutating func claim(_ index: UInt16, for chain: inout DescriptorChain) throws(PeerViolation) {
        let segment = segments[Int(index)]
        guard !segment.isInUse else {
            if segment.owner == UInt32(chain.head), chain.descriptors != 0 {
                throw .chainTooLong(head: chain.head)
            }
            throw .descriptorInUse(index)
        }
        segments[Int(index)] = ChainSegment(head: chain.head)
        link(UInt32(index), to: &chain)
    }

    /// Makes the segment at `place` the last of `chain`.
    mutating func link(_ place: UInt32, to chain: inout DescriptorChain) {
        if chain.last != .noSegment { segments[Int(chain.last)].next = place }
        chain.last = place
        chain.descriptors &+= 1
    }

    /// Checks a descriptor and adds its memory to the chain. A descriptor of no bytes has no memory, so its address
    /// is not looked at.
    mutating func append(
        _ descriptor: Descriptor, at place: UInt32, to chain: inout DescriptorChain
    ) throws(PeerViolation) {
        let count = descriptor.byteCount
        if descriptor.isWritable {
            if chain.firstWritable == .noSegment { chain.firstWritable = place }
            let (sum, overflow) = chain.writableBytes.addingReportingOverflow(count)
            guard !overflow else { throw .chainTooLarge(head: chain.head) }
            chain.writableBytes = sum
        } else {
            guard chain.firstWritable == .noSegment else { throw .readableAfterWritable(head: chain.head) }
            let (sum, overflow) = chain.readableBytes.addingReportingOverflow(count)
            guard !overflow else { throw .chainTooLarge(head: chain.head) }
            chain.readableBytes = sum
        }
        guard count != 0 else { return }
        if descriptor.isWritable { chain.writableSegments &+= 1 } else { chain.readableSegments &+= 1 }
        let range = try PeerRange(untrustedAddress: descriptor.address, byteCount: UInt64(count))
        let slice = try buffers.resolve(range)
        home = HomeWindow(of: slice.windowIndex, in: buffers)
        segments[Int(place)].offset = slice.offset
        segments[Int(place)].byteCount = count
        segments[Int(place)].windowIndex = UInt16(truncatingIfNeeded: slice.windowIndex)
    }

    /// Takes the marks off a chain's descriptors and gives its indirect segments back.
    @inlinable @inline(__always)
    mutating func releaseSegments(of chain: DescriptorChain) {
        let head = Int(chain.head)
        let segment = segments[head]
        precondition(segment.owner == UInt32(chain.head), "a chain that is not in flight here")
        guard segment.next == .noSegment else { return releaseAll(of: chain) }
        precondition(chain.descriptors == 1, "a chain that is not in flight here")
        segments[head].owner = .noSegment
    }

    @usableFromInline @inline(never)
    mutating func releaseAll(of chain: DescriptorChain) {
        var place = UInt32(chain.head)
        var count: UInt32 = 0
        while place != .noSegment {
            let segment = segments[Int(place)]
            precondition(segment.owner == UInt32(chain.head), "a chain that is not in flight here")
            segments[Int(place)].owner = .noSegment
            if place >= size.rawValue {
                segments[Int(place)].next = freeIndirect
                freeIndirect = place
                freeIndirectCount &+= 1
            }
            place = segment.next
            count &+= 1
        }
        precondition(count == chain.descriptors, "a chain that is not in flight here")
    }
}

/// Indirect tables (VIRTIO 1.3, 2.7.5.3): copied entry by entry, once, into segments of the queue's own.
extension DeviceQueue {
    /// Most segments kept for indirect tables: all a queue of 256 can have in flight, and 8 a chain above that.
    private var indirectCapacity: Int { max(65536, 8 * size.count) }

    /// - Returns: false when there is no place for its segments until another chain is completed.
    @usableFromInline @inline(never)
    mutating func appendTable(
        _ descriptor: Descriptor, to chain: inout DescriptorChain
    ) throws(PeerViolation) -> Bool {
        let head = chain.head
        guard usesIndirectDescriptors, !descriptor.hasNext, descriptor.byteCount != 0,
            descriptor.byteCount % 16 == 0
        else { throw .indirect(head: head) }
        let table = try buffers.resolve(
            PeerRange(untrustedAddress: descriptor.address, byteCount: UInt64(descriptor.byteCount)))
        let entryCount = descriptor.byteCount / 16
        guard reserveIndirect(min(Int(entryCount), size.count)) else { return false }
        var index: UInt16 = 0
        var visited: UInt32 = 0
        while true {
            guard UInt32(index) < entryCount else {
                throw .descriptorIndex(UInt32(index), queueSize: entryCount)
            }
            // The descriptor that names the table is not one of the chain's buffers.
            guard visited < entryCount, chain.descriptors &- 1 < size.rawValue else {
                throw .chainTooLong(head: head)
            }
            visited &+= 1
            let entry = copyEntry(at: Int(index), of: table)
            guard !entry.isIndirect else { throw .indirect(head: head) }
            let place = takeIndirect(for: head)
            link(place, to: &chain)
            try append(entry, at: place, to: &chain)
            guard entry.hasNext else { return true }
            index = entry.next
        }
    }

    /// Copies one entry. A table need not be aligned.
    private func copyEntry(at index: Int, of table: WindowSlice) -> Descriptor {
        let words = buffers.window(of: table).copyWords(at: table.offset &+ 16 &* index)
        return Descriptor(address: words.0, word: words.1)
    }

    /// Sees to it that `count` indirect segments are free, making the table larger if it may be.
    private mutating func reserveIndirect(_ count: Int) -> Bool {
        guard freeIndirectCount < count else { return true }
        let old = segments.count
        let limit = size.count + indirectCapacity
        let new = min(limit, max(old * 2, old + count))
        guard freeIndirectCount + new - old >= count else { return false }
        segments.grow(to: new, repeating: ChainSegment())
        for place in (old..<new).reversed() {
            segments[place].next = freeIndirect
            freeIndirect = UInt32(place)
        }
        freeIndirectCount += new - old
        return true
    }

    private mutating func takeIndirect(for head: UInt16) -> UInt32 {
        let place = freeIndirect
        freeIndirect = segments[Int(place)].next
        freeIndirectCount -= 1
        segments[Int(place)] = ChainSegment(head: head)
        return place
    }
}
