import CVOP
import LinuxSystem

/// Takes batches apart. All headers of a batch are checked before any record is shown. One reader is used for many
/// batches, since it keeps its storage.
public struct BatchReader: Sendable {
    /// One record, and where its payload lies in the bytes that were read.
    public struct Record: Hashable, Sendable {
        public let header: CopyRecord
        public let payload: Range<Int>
    }

    public let direction: CopyDirection
    public let maximumByteCount: Int
    /// The records of the batch read last; none after an error.
    public private(set) var records: [Record] = []
    /// The length of the batch read last: the next one begins behind it.
    public private(set) var byteCount = 0

    public init(_ direction: CopyDirection, maximumByteCount: Int = CopyLimits.callByteCount) {
        self.direction = direction
        self.maximumByteCount = maximumByteCount
    }

    /// Reads the batch that begins at `start`.
    ///
    /// - Throws: the first rule it breaks, its writer's fault.
    public mutating func read(_ bytes: Span<UInt8>, at start: Int = 0) throws(BatchError) {
        records.removeAll(keepingCapacity: true)
        byteCount = 0
        let available = bytes.count - start
        let count = try recordCount(bytes, at: start)
        let whole: UInt32 = bytes.littleEndian(at: start + 12)
        guard whole <= maximumByteCount else { throw .tooLarge(byteCount: whole, maximum: maximumByteCount) }
        let headers = CopyLimits.headerByteCount(recordCount: count)
        guard available >= max(headers, Int(whole)) else {
            throw .truncated(byteCount: available, needed: max(headers, Int(whole)))
        }
        do throws(BatchError) {
            try readRecords(bytes, at: start, count: count, headerByteCount: headers, whole: whole)
        } catch {
            records.removeAll(keepingCapacity: true)
            throw error
        }
        byteCount = Int(whole)
    }

    /// Checks the batch header.
    private func recordCount(_ bytes: Span<UInt8>, at start: Int) throws(BatchError) -> Int {
        guard bytes.count - start >= CopyLimits.batchHeaderByteCount else {
            throw .truncated(byteCount: bytes.count - start, needed: CopyLimits.batchHeaderByteCount)
        }
        let magic: UInt32 = bytes.littleEndian(at: start)
        guard magic == VOP_COPY_MAGIC else { throw .magic(magic) }
        let version: UInt16 = bytes.littleEndian(at: start + 4)
        guard version == VOP_COPY_VERSION else { throw .version(version) }
        let stated: UInt16 = bytes.littleEndian(at: start + 6)
        guard stated == direction.rawValue else { throw .direction(stated, expected: direction) }
        let count: UInt32 = bytes.littleEndian(at: start + 8)
        guard count >= 1, count <= CopyLimits.recordCount else { throw .recordCount(count) }
        return Int(count)
    }

    private mutating func readRecords(
        _ bytes: Span<UInt8>, at start: Int, count: Int, headerByteCount: Int, whole: UInt32
    ) throws(BatchError) {
        var payload = UInt64(headerByteCount)
        for index in 0..<count {
            var reserved: UInt32 = 0
            let position =
                start + CopyLimits.batchHeaderByteCount + index * CopyLimits.recordHeaderByteCount
            let header = CopyRecord(bytes, at: position, reserved: &reserved)
            if let reason = header.fault(in: direction, isLast: index == count - 1, reserved: reserved) {
                throw .record(index, reason: reason)
            }
            // At most 4096 lengths of 32 bits: the sum does not wrap.
            let end = payload + UInt64(header.payloadByteCount)
            // A payload that reaches past the batch gets no place; the sum is refused below.
            let place = end <= UInt64(whole) ? start + Int(payload)..<start + Int(end) : start..<start
            records.append(Record(header: header, payload: place))
            payload = end
        }
        guard payload == UInt64(whole) else { throw .byteCount(whole, expected: payload) }
    }
}

extension CopyRecord {
    /// What is wrong with the header by itself, `nil` when nothing is.
    fileprivate func fault(in direction: CopyDirection, isLast: Bool, reserved: UInt32) -> String? {
        if reserved != 0 { return "the reserved field is \(reserved), not 0" }
        return direction == .toDevice ? answerFault(isLast: isLast) : deliveryFault()
    }

    private func answerFault(isLast: Bool) -> String? {
        guard flags == .complete || flags == .more || flags == .broken else {
            return "flags \(flags.rawValue); exactly one of complete, more and broken is allowed"
        }
        if readableByteCount != 0 || writableByteCount != 0 { return "an answer states what the chain holds" }
        if flags != .broken { return token == 0 ? "token 0 names no chain" : nil }
        guard token == 0, offset == 0, payloadByteCount == 0 else {
            return "broken goes with token 0, offset 0 and no payload"
        }
        return isLast ? nil : "broken is not the last record"
    }

    private func deliveryFault() -> String? {
        guard flags.isSubset(of: .deliveries) else { return "unknown flags \(flags.rawValue)" }
        guard token != 0 else { return "token 0 names no chain" }
        let (end, overflow) = offset.addingReportingOverflow(payloadByteCount)
        guard !overflow, end <= readableByteCount else { return "a payload past the chain's readable bytes" }
        guard flags.contains(.part) == (end < readableByteCount) else {
            return "part is set at the end of the chain, or missing before it"
        }
        return nil
    }
}
