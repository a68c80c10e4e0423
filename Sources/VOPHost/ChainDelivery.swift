import CopyFile
import SharedMemory
import Virtqueue

/// What goes out with one read, until it is known whether somebody got it.
struct ChainDelivery {
    var batch = BatchWriter(.toBackend)
    var chains: [(token: UInt64, reader: ChainReader)] = []
    var slices: [WindowSlice] = []
    /// The chain of which there is more.
    var partial: UInt64?

    /// More pieces than this are not answered straight from memory: a scatter-gather call takes 1024, and the reply
    /// has headers of its own.
    static let sliceLimit = 960

    /// Begins another, in the storage of the last.
    mutating func removeAll(maximumByteCount: Int) {
        batch.removeAll(maximumByteCount: maximumByteCount)
        chains.removeAll(keepingCapacity: true)
        slices.removeAll(keepingCapacity: true)
        partial = nil
    }

    /// Whether the whole chain fits behind what is there.
    func fits(_ chain: DescriptorChain) -> Bool {
        Int(chain.readableByteCount) <= batch.room
            && slices.count + chain.readableSegmentCount <= Self.sliceLimit
    }
}

extension QueueChains {
    /// Puts a batch shorter than `byteCount` together: the rest of a chain begun before, then what is ready.
    mutating func gather(
        _ delivery: inout ChainDelivery, after partial: UInt64?, below byteCount: Int, share: Int
    ) {
        delivery.removeAll(maximumByteCount: min(byteCount - 1, CopyLimits.callByteCount))
        if let partial, let held = taken[partial] {
            guard append(partial, held, to: &delivery) else { return }
        }
        while delivery.chains.count < share, delivery.batch.room >= 0, let token = oldestReady(),
            let held = taken[token]
        {
            guard delivery.batch.isEmpty || delivery.fits(held.chain) else { return }
            ready.remove(token)
            guard append(token, held, to: &delivery) else { return }
        }
    }

    /// Adds a chain, or as much of it as there is room for.
    ///
    /// - Returns: false when there is more of it: nothing comes between the parts.
    private func append(_ token: UInt64, _ held: TakenChain, to delivery: inout ChainDelivery) -> Bool {
        var reader = held.reader
        let offset = held.chain.readableByteCount - UInt32(reader.remainingByteCount)
        var room = delivery.batch.room
        while room > 0, delivery.slices.count < ChainDelivery.sliceLimit,
            let piece = ring?.nextPiece(&reader, atMost: room) ?? nil
        {
            delivery.slices.append(piece)
            room -= piece.byteCount
        }
        var flags: CopyFlags = held.wasDelivered ? .redelivered : []
        if reader.remainingByteCount > 0 { flags.insert(.part) }
        delivery.batch.append(
            CopyRecord(
                token: token, flags: flags,
                payloadByteCount: UInt32(held.reader.remainingByteCount - reader.remainingByteCount),
                readableByteCount: held.chain.readableByteCount,
                writableByteCount: held.chain.writableByteCount, offset: offset))
        delivery.chains.append((token, reader))
        if reader.remainingByteCount > 0 { delivery.partial = token }
        return reader.remainingByteCount == 0
    }

    /// Somebody got it.
    ///
    /// - Returns: the chain of which the rest comes next.
    mutating func delivered(_ delivery: borrowing ChainDelivery, to holder: OpeningID) -> UInt64? {
        for (token, reader) in delivery.chains { markDelivered(token, to: holder, upTo: reader) }
        stopNotifications()
        return delivery.partial.flatMap { taken[$0] == nil ? nil : $0 }
    }

    /// Nobody got it.
    mutating func takeBack(_ delivery: borrowing ChainDelivery) {
        for (token, _) in delivery.chains where isUnheld(token) { ready.insert(token) }
    }
}
