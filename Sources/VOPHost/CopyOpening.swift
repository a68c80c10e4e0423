import CopyFile
import LinuxSystem
import SharedMemory
import SystemPackage
import Virtqueue

/// An open copy file: batches out, batches in (`vop/copy.h`).
final class CopyOpening: QueueOpening {
    /// The chain whose beginning was delivered, and whose rest comes next.
    private var partial: UInt64?
    private var answers = BatchReader(.toDevice)
    /// Kept for its storage. Worked on in a local: what a class stores costs a check at every access.
    private var delivery: Delivery?

    /// More pieces than this are not answered straight from memory: a scatter-gather call takes 1024, and the reply
    /// has headers of its own.
    static let sliceLimit = 960

    /// What goes out with one read, until it is known whether somebody got it.
    private struct Delivery {
        var batch = BatchWriter(.toBackend)
        var chains: [(token: UInt64, reader: ChainReader)] = []
        var slices: [WindowSlice] = []
        var partial: UInt64?
    }

    override func canRead(_ read: any ChainRead) -> Bool { read.byteCount >= CopyLimits.readMinimum }

    override func forgetChains() { partial = nil }

    override func readiness() -> PollEvents {
        partial != nil || !queue.ready.isEmpty || queue.takeOne() ? [.readable, .writable] : .writable
    }

    // MARK: Read

    override func deliver(_ read: any ChainRead, share: Int) -> Attempt {
        var delivery = self.delivery.take() ?? Delivery()
        defer { self.delivery = delivery }
        gather(&delivery, below: read.byteCount, share: share)
        guard !delivery.batch.isEmpty else { return .nothing }
        guard queue.reply(read, delivery.batch.headerBytes(), delivery.slices) else {
            for (token, _) in delivery.chains where queue.isUnheld(token) { queue.ready.insert(token) }
            return .lost
        }
        for (token, reader) in delivery.chains { queue.markDelivered(token, to: id, upTo: reader) }
        partial = delivery.partial.flatMap { queue.taken[$0] == nil ? nil : $0 }
        queue.stopNotifications()
        return .answered
    }

    /// Puts a batch shorter than `byteCount` together: the rest of a chain begun before, then what is ready.
    private func gather(_ delivery: inout Delivery, below byteCount: Int, share: Int) {
        delivery.batch.removeAll(maximumByteCount: min(byteCount - 1, CopyLimits.callByteCount))
        delivery.chains.removeAll(keepingCapacity: true)
        delivery.slices.removeAll(keepingCapacity: true)
        delivery.partial = nil
        if let partial, let held = queue.taken[partial] {
            guard append(partial, held, to: &delivery) else { return }
        }
        while delivery.chains.count < share, delivery.batch.room >= 0, let token = queue.oldestReady(),
            let held = queue.taken[token]
        {
            guard delivery.batch.isEmpty || Self.fits(held.chain, in: delivery) else { return }
            queue.ready.remove(token)
            guard append(token, held, to: &delivery) else { return }
        }
    }

    /// Whether the whole chain fits behind what is there.
    private static func fits(_ chain: DescriptorChain, in delivery: borrowing Delivery) -> Bool {
        Int(chain.readableByteCount) <= delivery.batch.room
            && delivery.slices.count + chain.readableSegmentCount <= sliceLimit
    }

    /// Adds a chain, or as much of it as there is room for.
    ///
    /// - Returns: false when there is more of it: nothing comes between the parts.
    private func append(_ token: UInt64, _ held: TakenChain, to delivery: inout Delivery) -> Bool {
        var reader = held.reader
        let offset = held.chain.readableByteCount - UInt32(reader.remainingByteCount)
        var room = delivery.batch.room
        while room > 0, delivery.slices.count < Self.sliceLimit,
            let piece = queue.ring?.nextPiece(&reader, atMost: room) ?? nil
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

    // MARK: Write

    /// Applies whole batches, one after the other; the driver sees what all of them completed at once.
    override func write(_ bytes: RawSpan) throws(Errno) -> Int {
        guard !queue.isRemoved else { throw .operationNotSupportedByDevice }
        let bytes = Span<UInt8>(_bytes: bytes)
        var position = 0
        defer { queue.finishAnswers() }
        while position < bytes.count {
            do throws(Errno) {
                try apply(bytes, at: position)
            } catch {
                guard position > 0 else { throw error }
                return position
            }
            position += answers.byteCount
        }
        return position
    }

    /// Checks all headers of a batch, and only then scatters its payloads.
    private func apply(_ bytes: Span<UInt8>, at position: Int) throws(Errno) {
        do throws(BatchError) {
            try answers.read(bytes, at: position)
        } catch { throw error.errno }
        queue.answerBatch += 1
        let records = answers.records
        for record in records { try queue.check(record.header, from: id) }
        for record in records { queue.apply(record, bytes) }
    }
}
