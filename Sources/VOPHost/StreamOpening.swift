import CopyFile
import LinuxSystem
import SharedMemory
import SystemPackage
import Virtqueue

/// An open stream: a queue for shells (`cat <>stream`), without tokens or headers.
///
/// - One read takes one chain that has something to read, and completes it if it has no room for an answer. A chain
///   longer than the read goes on in the next.
/// - One write fills and completes the oldest chain so taken, else the next that has nothing to read. What does not
///   fit goes into the next one, by another write.
final class StreamOpening: QueueOpening {
    /// Chains that were read from and have room, oldest first; the last may not have been read to its end.
    private var unanswered: [UInt64] = []
    /// The chain whose beginning was delivered.
    private var partial: UInt64?

    override func forgetChains() {
        unanswered.removeAll()
        partial = nil
    }

    override func canRead(_ read: any ChainRead) -> Bool { read.byteCount > 0 }

    override func readiness() -> PollEvents {
        var events: PollEvents = []
        if partial != nil || nextReadable() != nil { events.insert(.readable) }
        if !unanswered.isEmpty || nextWriteOnly() != nil { events.insert(.writable) }
        return events
    }

    // MARK: Read

    override func deliver(_ read: any ChainRead, share: Int) -> Attempt {
        guard let token = partial ?? nextReadable(), let held = queue.chains.taken[token] else {
            return .nothing
        }
        var reader = held.reader
        var slices: [WindowSlice] = []
        // Below what the kernel asks for in one piece, so that it never asks again on its own.
        var room = min(read.byteCount, CopyLimits.callByteCount)
        while room > 0, slices.count < ChainDelivery.sliceLimit,
            let piece = queue.chains.ring?.nextPiece(&reader, atMost: room) ?? nil
        {
            slices.append(piece)
            room -= piece.byteCount
        }
        guard queue.reply(read, [], slices) else { return .lost }
        queue.chains.ready.remove(token)
        queue.chains.markDelivered(token, to: id, upTo: reader)
        finishReading(token, held.chain, reader)
        queue.chains.stopNotifications()
        return .answered
    }

    private func finishReading(_ token: UInt64, _ chain: DescriptorChain, _ reader: ChainReader) {
        let isWhole = reader.remainingByteCount == 0
        if chain.writableByteCount > 0 {
            if unanswered.last != token { unanswered.append(token) }
        } else if isWhole {
            queue.chains.complete(token)
            queue.publish()
        }
        partial = isWhole ? nil : token
    }

    /// The next chain with something to read. One that has nothing to read and no room is completed on the way.
    private func nextReadable() -> UInt64? {
        while true {
            if let empty = queue.chains.oldestReady(where: {
                $0.readableByteCount == 0 && $0.writableByteCount == 0
            }
            ) {
                queue.chains.ready.remove(empty)
                queue.chains.complete(empty)
                queue.publish()
            } else if let token = queue.chains.oldestReady(where: { $0.readableByteCount > 0 }) {
                return token
            } else if !queue.takeOne() {
                return nil
            }
        }
    }

    // MARK: Write

    override func write(_ bytes: RawSpan) throws(Errno) -> Int {
        guard !queue.isRemoved else { throw .operationNotSupportedByDevice }
        guard bytes.byteCount > 0 else { return 0 }
        let bytes = Span<UInt8>(_bytes: bytes)
        guard let token = takeTarget() else { throw .wouldBlock }
        let count = queue.chains.write(bytes, 0..<bytes.count, to: token)
        queue.chains.complete(token)
        queue.finishAnswers()
        return count
    }

    /// The chain that the next write answers.
    private func takeTarget() -> UInt64? {
        if !unanswered.isEmpty {
            let token = unanswered.removeFirst()
            if partial == token { partial = nil }
            return token
        }
        guard let token = nextWriteOnly() else { return nil }
        queue.chains.ready.remove(token)
        return token
    }

    private func nextWriteOnly() -> UInt64? {
        while true {
            if let token = queue.chains.oldestReady(where: {
                $0.readableByteCount == 0 && $0.writableByteCount > 0
            }) {
                return token
            }
            guard queue.takeOne() else { return nil }
        }
    }
}

extension QueueChains {
    /// The oldest chain that nobody holds and `accepts` says so.
    func oldestReady(where accepts: (DescriptorChain) -> Bool) -> UInt64? {
        for token in ready.oldestFirst where taken[token].map({ accepts($0.chain) }) ?? false { return token }
        return nil
    }
}
