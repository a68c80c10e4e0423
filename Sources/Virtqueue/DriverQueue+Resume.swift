import SharedMemory
import Virtio

/// Going on where an earlier process was with this queue, by what that one wrote down itself. Nothing of it is asked of
/// the rings, which the device can write, or which lie across the link.
extension DriverQueue {
    /// A chain that an earlier process committed and had not taken back.
    public struct Resumed: Sendable {
        /// Its descriptors, head first.
        public let descriptors: [UInt16]
        /// Its place among all chains of the queue's life, as `committedCount` said before it; the low 16 bits.
        public let sequence: UInt16
        public let writableByteCount: UInt32
        public let token: UInt64

        public init(descriptors: [UInt16], sequence: UInt16, writableByteCount: UInt32, token: UInt64) {
            self.descriptors = descriptors
            self.sequence = sequence
            self.writableByteCount = writableByteCount
            self.token = token
        }
    }

    /// The first and the last descriptor of the chain committed last: all of it, where it has at most two.
    public var lastCommitted: (head: UInt16, last: UInt16) { (building.head, building.last) }

    /// Sets the queue where it was, and says once more how many chains are available: the process before may have been
    /// killed before it did. Notify the device after this, whatever it asked for.
    ///
    /// - Parameters:
    ///   - committed: chains committed in all, modulo 2¹⁶.
    ///   - chains: those of them that had not come back.
    /// - Returns: false when they cannot have been in flight together: the queue is of no use then.
    /// - Precondition: nothing was submitted yet.
    public mutating func resume(committed: UInt16, chains: [Resumed]) -> Bool {
        precondition(nextAvailable == 0 && nextUsed == 0 && free == size.count, "a queue that runs already")
        var isTaken = [Bool](repeating: false, count: size.count)
        for chain in chains {
            for index in chain.descriptors {
                guard Int(index) < size.count, !isTaken[Int(index)] else { return false }
                isTaken[Int(index)] = true
            }
            guard restore(chain) else { return false }
        }
        rebuildFreeList(without: isTaken)
        nextAvailable = committed
        publishedAvailable = committed
        nextUsed = committed &- UInt16(chains.count)
        seenUsed = nextUsed
        // ORDER: release; pairs with the device's acquiring load of this index, as in `publishAvailable`.
        rings.available.storeReleasing16(nextAvailable, at: SplitLayout.indexOffset)
        return true
    }

    private mutating func restore(_ chain: Resumed) -> Bool {
        guard let head = chain.descriptors.first, let last = chain.descriptors.last else { return false }
        for (index, next) in zip(chain.descriptors, chain.descriptors.dropFirst()) {
            records[Int(index)].next = next
        }
        records[Int(head)].token = chain.token
        records[Int(head)].writableBytes = chain.writableByteCount
        records[Int(head)].last = last
        records[Int(head)].descriptors = UInt16(chain.descriptors.count)
        records[Int(head)].sequence = chain.sequence
        return true
    }

    private mutating func rebuildFreeList(without isTaken: [Bool]) {
        let unused = isTaken.indices.filter { !isTaken[$0] }
        for (index, next) in zip(unused, unused.dropFirst()) {
            records[index].next = UInt16(truncatingIfNeeded: next)
        }
        firstFree = UInt16(truncatingIfNeeded: unused.first ?? 0)
        free = unused.count
    }
}
