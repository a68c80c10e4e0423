public import SharedMemory

/// Going on where an earlier process was with this queue, by what that one wrote down itself. The driver's memory is
/// asked one thing: how far it was shown used elements.
extension DeviceQueue {
    /// How far the driver sees used elements: the one number of the device's own that only the driver's memory keeps
    /// across a kill. The driver can have changed it; hold it against what was written down.
    public var usedIndexInRing: UInt16 {
        // ORDER: acquire; pairs with our own releasing store of an earlier life.
        rings.used.loadAcquiring16(at: SplitLayout.indexOffset)
    }

    /// Sets the queue where it was: so many chains taken in this life, so many given back and shown.
    ///
    /// - Precondition: nothing has been taken yet.
    public mutating func resume(takenCount: UInt16, usedCount: UInt16) {
        precondition(nextAvailable == 0 && nextUsed == 0, "a queue that runs already")
        nextAvailable = takenCount
        seenAvailable = takenCount
        nextUsed = usedCount
        publishedUsed = usedCount
        untaken = inFlightCount
    }

    /// Takes a chain again that was in flight: the driver does not make it available anew.
    ///
    /// - Throws: as `takeChain`: what lies there now is no chain.
    public mutating func retakeChain(head: UInt16) throws(PeerViolation) -> DescriptorChain {
        if isBroken { try rethrowViolation() }
        do throws(PeerViolation) {
            guard let chain = try walk(from: head) else { throw .descriptorInUse(head) }
            untaken &-= 1
            return chain
        } catch {
            markBroken(error)
            throw error
        }
    }
}
