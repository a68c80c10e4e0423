import CopyFile
import SharedMemory
import SystemPackage
import Virtqueue

/// What openings do with the chains they were given.
extension QueueChains {
    func isUnheld(_ token: UInt64) -> Bool {
        guard let chain = taken[token] else { return false }
        return chain.holder == nil
    }

    /// Somebody got a chain's readable bytes up to `reader`.
    mutating func markDelivered(_ token: UInt64, to holder: OpeningID, upTo reader: ChainReader) {
        var (isRepeated, byteCount) = (false, 0)
        _ = taken.change(token) { held in
            isRepeated = held.holder == nil && held.wasDelivered
            byteCount = held.reader.remainingByteCount - reader.remainingByteCount
            held.reader = reader
            held.holder = holder
        }
        if isRepeated { counters.redeliveries.add() }
        counters.bytesRead.add(UInt64(byteCount))
    }

    /// Checks all records of a batch, and only then applies them.
    ///
    /// - Throws: what is wrong with the first that may not be applied; nothing has changed then.
    mutating func apply(_ records: [BatchReader.Record], _ bytes: Span<UInt8>, from opening: OpeningID)
        throws(Errno)
    {
        answerBatch += 1
        for record in records { try check(record.header, from: opening) }
        for record in records { apply(record, bytes) }
    }

    /// Whether a record of the batch being checked may be applied, after those before it. Changes nothing but the
    /// plan, which ends with the batch.
    private mutating func check(_ record: CopyRecord, from opening: OpeningID) throws(Errno) {
        if record.flags == .broken {
            guard ring != nil else { throw .staleNFSFileHandle }
            return
        }
        guard record.token < nextToken else { throw .invalidArgument }
        guard record.token >= firstTokenOfLife else { throw .staleNFSFileHandle }
        let batch = answerBatch
        let isTaken = try taken.change(record.token) { held throws(Errno) in
            try held.plan(record, from: opening, in: batch)
        }
        guard isTaken else { throw .alreadyInProcess }
    }

    /// Applies a record that was checked.
    private mutating func apply(_ record: BatchReader.Record, _ bytes: Span<UInt8>) {
        let header = record.header
        if header.flags == .broken {
            isBackendBroken = true
            return
        }
        write(bytes, record.payload, to: header.token)
        if header.flags == .complete { complete(header.token) }
    }

    /// Copies part of `bytes` into a held chain, behind what was written before.
    ///
    /// - Returns: how many bytes there was room for.
    @discardableResult
    mutating func write(_ bytes: Span<UInt8>, _ part: Range<Int>, to token: UInt64) -> Int {
        guard !part.isEmpty, var held = taken[token] else { return 0 }
        let count =
            ring?.copy(bytes, from: part.lowerBound, byteCount: part.count, to: &held.writer) ?? 0
        held.written += UInt32(count)
        taken[token] = held
        counters.bytesWritten.add(UInt64(count))
        return count
    }
}
