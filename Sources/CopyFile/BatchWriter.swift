import CVOP
import LinuxSystem

/// Puts one batch together: headers here, payloads here or wherever they lie.
public struct BatchWriter: Sendable {
    public let direction: CopyDirection
    public private(set) var maximumByteCount: Int
    public private(set) var recordCount = 0
    /// Bytes of all payloads, those that lie elsewhere among them.
    public private(set) var payloadByteCount = 0
    /// The payloads that were appended with their records, one after the other.
    public private(set) var payloads: [UInt8] = []
    /// The batch header's place and the record headers, and behind them room for more.
    private var headers = [UInt8](repeating: 0, count: BatchWriter.firstHeaderByteCount)

    /// Room for eight records; it grows by doubling.
    private static let firstHeaderByteCount = CopyLimits.headerByteCount(recordCount: 8)
    private var headerByteCount: Int { CopyLimits.headerByteCount(recordCount: recordCount) }

    public init(_ direction: CopyDirection, maximumByteCount: Int = CopyLimits.callByteCount) {
        self.direction = direction
        self.maximumByteCount = maximumByteCount
    }

    public var isEmpty: Bool { recordCount == 0 }
    /// The length of the batch as it is.
    public var byteCount: Int { headerByteCount + payloadByteCount }
    /// Room for the payload of one more record; negative when not even its header fits.
    public var room: Int {
        guard recordCount < CopyLimits.recordCount else { return -1 }
        return maximumByteCount - byteCount - CopyLimits.recordHeaderByteCount
    }

    /// Adds a record whose payload lies elsewhere and is sent after the headers, in the order of the records.
    ///
    /// - Precondition: `room` for it.
    public mutating func append(_ record: CopyRecord) {
        precondition(Int(record.payloadByteCount) <= room, "a batch above its limit")
        let start = headerByteCount
        if start + CopyLimits.recordHeaderByteCount > headers.count {
            headers += [UInt8](repeating: 0, count: headers.count)
        }
        var span = headers.mutableSpan
        record.store(into: &span, at: start)
        recordCount += 1
        payloadByteCount += Int(record.payloadByteCount)
    }

    /// Adds a record with its payload; a first payload is taken over without a copy.
    ///
    /// - Precondition: `room` for it.
    public mutating func append(_ record: CopyRecord, payload: [UInt8]) {
        var record = record
        record.payloadByteCount = UInt32(payload.count)
        append(record)
        if payloads.isEmpty { payloads = payload } else { payloads += payload }
    }

    /// Adds the whole answer to a chain, or its last part.
    public mutating func complete(_ token: UInt64, payload: [UInt8] = [], offset: UInt32 = 0) {
        append(CopyRecord(token: token, flags: .complete, offset: offset), payload: payload)
    }

    /// Adds a part of an answer; more follows, here or in a later batch.
    public mutating func answer(_ token: UInt64, part: [UInt8], offset: UInt32) {
        append(CopyRecord(token: token, flags: .more, offset: offset), payload: part)
    }

    /// Adds "the device is broken": the last record.
    public mutating func declareBroken() { append(CopyRecord(token: 0, flags: .broken)) }

    /// The batch header and all record headers.
    public func headerBytes() -> [UInt8] {
        var bytes = Array(headers.prefix(headerByteCount))
        var start = bytes.mutableSpan
        start.store(littleEndian: UInt32(VOP_COPY_MAGIC), at: 0)
        start.store(littleEndian: UInt16(VOP_COPY_VERSION), at: 4)
        start.store(littleEndian: direction.rawValue, at: 6)
        start.store(littleEndian: UInt32(recordCount), at: 8)
        start.store(littleEndian: UInt32(byteCount), at: 12)
        return bytes
    }

    /// The whole batch.
    ///
    /// - Precondition: no payload lies elsewhere.
    public func bytes() -> [UInt8] {
        precondition(payloads.count == payloadByteCount, "a payload lies elsewhere")
        return headerBytes() + payloads
    }

    /// Begins another batch, in the storage of the last.
    public mutating func removeAll(maximumByteCount: Int) {
        self.maximumByteCount = maximumByteCount
        removeAll()
    }

    public mutating func removeAll() {
        recordCount = 0
        payloadByteCount = 0
        payloads.removeAll(keepingCapacity: true)
    }
}
