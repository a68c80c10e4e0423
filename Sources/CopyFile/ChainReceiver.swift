/// One chain as a backend sees it: whole, and its own copy.
public struct ReceivedChain: Hashable, Sendable {
    public let token: UInt64
    /// The readable part.
    public let bytes: [UInt8]
    /// Room for an answer.
    public let writableByteCount: UInt32
    /// It was delivered before, to an open file that is closed: what it asks for may have been done.
    public let isRedelivered: Bool
    /// The readable part is longer than the receiver's limit; `bytes` are its beginning.
    public let isTooLong: Bool
}

/// The receiving thread's buffers: one batch, and the beginning of a chain that came in parts.
public struct ChainReceiver: Sendable {
    /// What one `read` may fill.
    var buffer: [UInt8]
    private var reader = BatchReader(.toBackend)
    /// How much of it the next `read` offers. The kernel pins each page it is offered, whether it fills it or not: for a
    /// small request that costs more than all else.
    private(set) var roomOffered: Int
    /// How many batches in a row would have fitted into the least room.
    private var smallBatchCount = 0
    private let chainByteLimit: Int
    private var partial: [UInt8] = []
    /// The chain `partial` belongs to.
    private var partialToken: UInt64 = 0
    private var chains: [ReceivedChain] = []

    /// - Parameters:
    ///   - callByteCount: what one `read` asks for at most, at least `CopyLimits.readMinimum`; the queue's `copy_max`.
    ///   - chainByteLimit: bytes kept of one chain's readable part.
    public init(callByteCount: Int = CopyLimits.callByteCount, chainByteLimit: Int = 4 << 20) {
        buffer = [UInt8](repeating: 0, count: max(callByteCount, CopyLimits.readMinimum))
        roomOffered = min(Self.leastRoom, buffer.count)
        self.chainByteLimit = chainByteLimit
    }

    private static let leastRoom = 16_384
    /// After so many small batches little room is offered again.
    private static let smallBatchesInARow = 8

    /// The chains that have arrived whole since the last call, in order.
    public mutating func takeChains() -> [ReceivedChain] {
        var taken: [ReceivedChain] = []
        swap(&taken, &chains)
        return taken
    }

    /// Takes a batch of `count` bytes out of the buffer.
    mutating func take(_ count: Int) throws(CopyFileError) {
        do throws(BatchError) {
            let bytes = buffer
            try reader.read(bytes.span.extracting(first: count))
            for (index, record) in reader.records.enumerated() { try take(record, index) }
        } catch { throw .malformed(error) }
        offerRoom(after: count)
    }

    /// What is large comes in a row, mostly: the first of it comes in two parts.
    private mutating func offerRoom(after byteCount: Int) {
        let isSmall = partial.isEmpty && byteCount < Self.leastRoom
        smallBatchCount = isSmall ? smallBatchCount + 1 : 0
        if !isSmall {
            roomOffered = buffer.count
        } else if smallBatchCount >= Self.smallBatchesInARow {
            roomOffered = min(Self.leastRoom, buffer.count)
        }
    }

    private mutating func take(_ record: BatchReader.Record, _ index: Int) throws(BatchError) {
        let header = record.header
        if header.offset == 0 {
            partial.removeAll()
            partialToken = header.token
        }
        guard header.token == partialToken, partial.count == min(Int(header.offset), chainByteLimit) else {
            throw .record(
                index,
                reason:
                    "a part of chain \(header.token) at \(header.offset) that does not follow the last record"
            )
        }
        let kept = min(record.payload.count, chainByteLimit - partial.count)
        let payload = buffer[record.payload.prefix(kept)]
        guard !header.flags.contains(.part) else {
            partial += payload
            return
        }
        chains.append(
            ReceivedChain(
                token: header.token, bytes: partial.isEmpty ? Array(payload) : partial + payload,
                writableByteCount: header.writableByteCount,
                isRedelivered: header.flags.contains(.redelivered),
                isTooLong: Int(header.readableByteCount) > chainByteLimit))
        partial.removeAll()
    }

    /// A reset: what had arrived in part is nothing any more.
    mutating func forget() {
        partial.removeAll()
        chains.removeAll()
    }
}
