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
    private var delivery: ChainDelivery?

    override func canRead(_ read: any ChainRead) -> Bool { read.byteCount >= CopyLimits.readMinimum }

    override func forgetChains() { partial = nil }

    override func readiness() -> PollEvents {
        partial != nil || !queue.chains.ready.isEmpty || queue.takeOne() ? [.readable, .writable] : .writable
    }

    // MARK: Read

    override func deliver(_ read: any ChainRead, share: Int) -> Attempt {
        var delivery = self.delivery.take() ?? ChainDelivery()
        defer { self.delivery = delivery }
        queue.chains.gather(&delivery, after: partial, below: read.byteCount, share: share)
        queue.tellFault()
        guard !delivery.batch.isEmpty else { return .nothing }
        guard queue.reply(read, delivery.batch.headerBytes(), delivery.slices) else {
            queue.chains.takeBack(delivery)
            return .lost
        }
        partial = queue.chains.delivered(delivery, to: id)
        return .answered
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
        try queue.chains.apply(answers.records, bytes, from: id)
    }
}
