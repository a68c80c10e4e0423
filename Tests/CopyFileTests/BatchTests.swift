import CVOP
import CopyFile
import SystemPackage
import Testing

@Suite struct BatchLayoutTests {
    @Test("constants agree with the header")
    func constants() {
        #expect(CopyLimits.callByteCount == 1_044_480)
        #expect(CopyLimits.batchHeaderByteCount == MemoryLayout<vop_copy_batch>.stride)
        #expect(CopyLimits.recordHeaderByteCount == MemoryLayout<vop_copy_record>.stride)
        #expect(CopyDirection.toBackend.rawValue == UInt16(VOP_COPY_TO_BACKEND))
        #expect(CopyDirection.toDevice.rawValue == UInt16(VOP_COPY_TO_DEVICE))
        #expect(CopyFlags.part.rawValue == UInt32(VOP_COPY_PART))
        #expect(CopyFlags.redelivered.rawValue == UInt32(VOP_COPY_REDELIVERED))
        #expect(CopyFlags.complete.rawValue == UInt32(VOP_COPY_COMPLETE))
        #expect(CopyFlags.more.rawValue == UInt32(VOP_COPY_MORE))
        #expect(CopyFlags.broken.rawValue == UInt32(VOP_COPY_BROKEN))
    }

    @Test("the bytes are those of the drawing, all headers before all payloads")
    func bytes() {
        var writer = BatchWriter(.toDevice)
        writer.answer(0x0102_0304_0506_0708, part: [0xAA, 0xBB], offset: 7)
        writer.complete(2, payload: [0xCC])
        let expected: [UInt8] =
            [0x56, 0x4F, 0x50, 0x43, 1, 0, 2, 0, 2, 0, 0, 0, 83, 0, 0, 0]
            + [8, 7, 6, 5, 4, 3, 2, 1, 0, 2, 0, 0, 2, 0, 0, 0]
            + [0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0]
            + [2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0]
            + [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
            + [0xAA, 0xBB, 0xCC]
        #expect(writer.bytes() == expected)
        #expect(writer.byteCount == 83)
    }

    @Test("what was written is read back, records and places of their payloads")
    func roundTrip() throws {
        var writer = BatchWriter(.toBackend)
        let first = CopyRecord(
            token: 1, flags: [.part, .redelivered], payloadByteCount: 3, readableByteCount: 10,
            writableByteCount: 99, offset: 2)
        let second = CopyRecord(token: .max, flags: [], writableByteCount: 5)
        writer.append(first, payload: [1, 2, 3])
        writer.append(second, payload: [])
        var reader = BatchReader(.toBackend)
        let bytes = [9, 9, 9, 9, 9] + writer.bytes() + [7]
        try reader.read(bytes.span, at: 5)
        #expect(reader.byteCount == writer.byteCount)
        #expect(reader.records.map(\.header) == [first, second])
        #expect(Array(bytes[reader.records[0].payload]) == [1, 2, 3])
        #expect(reader.records[1].payload.isEmpty)
    }

    @Test("a writer says how much still fits, and starts again when emptied")
    func room() {
        var writer = BatchWriter(.toDevice, maximumByteCount: 100)
        #expect(writer.room == 52)
        writer.complete(1, payload: [UInt8](repeating: 0, count: 20))
        #expect(writer.room == 0)
        writer.complete(2)
        #expect(writer.room < 0)
        writer.removeAll()
        #expect(writer.isEmpty)
        #expect(writer.room == 52)
        #expect(writer.payloads == [])
    }

    @Test("a payload that lies elsewhere is counted and not carried")
    func elsewhere() {
        var writer = BatchWriter(.toBackend)
        writer.append(CopyRecord(token: 1, flags: [], payloadByteCount: 5, readableByteCount: 5))
        #expect(writer.byteCount == 16 + 32 + 5)
        #expect(writer.headerBytes().count == 48)
        #expect(writer.payloads == [])
    }

    @Test("a batch holds as many records as the header allows, and no more")
    func mostRecords() throws {
        var writer = BatchWriter(.toDevice)
        for token in 1...UInt64(CopyLimits.recordCount) { writer.complete(token) }
        #expect(writer.room < 0)
        var reader = BatchReader(.toDevice)
        try reader.read(writer.bytes().span)
        #expect(reader.records.count == 4096)
    }
}

/// Each rule of the layout, broken.
@Suite struct BatchBreakTests {
    /// A good batch of two answers.
    private func good() -> [UInt8] {
        var writer = BatchWriter(.toDevice)
        writer.answer(1, part: [1, 2], offset: 0)
        writer.complete(2, payload: [3, 4, 5])
        return writer.bytes()
    }

    private func fault(_ bytes: [UInt8], _ direction: CopyDirection = .toDevice, maximum: Int = 1000)
        -> BatchError?
    {
        var reader = BatchReader(direction, maximumByteCount: maximum)
        do throws(BatchError) {
            try reader.read(bytes.span)
            return nil
        } catch {
            #expect(reader.records.isEmpty)
            return error
        }
    }

    private func patched(_ position: Int, _ value: UInt8, _ bytes: [UInt8]? = nil) -> [UInt8] {
        var bytes = bytes ?? good()
        bytes[position] = value
        return bytes
    }

    @Test("the good batch is good")
    func goodOne() { #expect(fault(good()) == nil) }

    @Test("every cut of a batch is refused")
    func cuts() {
        let bytes = good()
        for count in 0..<bytes.count {
            guard case .truncated(let there, let needed) = fault(Array(bytes.prefix(count))) else {
                Issue.record("cut at \(count) was taken")
                continue
            }
            #expect(there == count)
            #expect(needed > count)
        }
    }

    @Test("magic, version and direction")
    func start() {
        #expect(fault(patched(0, 0x57)) == .magic(0x4350_4F57))
        #expect(fault(patched(4, 2)) == .version(2))
        #expect(fault(patched(6, 1)) == .direction(1, expected: .toDevice))
        #expect(fault(good(), .toBackend) == .direction(2, expected: .toBackend))
        #expect(fault(patched(7, 1)) == .direction(258, expected: .toDevice))
    }

    @Test("the number of records", arguments: [(UInt8(0), UInt8(0), UInt32(0)), (1, 16, 4097)])
    func recordCount(low: UInt8, high: UInt8, count: UInt32) {
        #expect(fault(patched(9, high, patched(8, low))) == .recordCount(count))
    }

    @Test("the length must be the headers' and payloads' sum")
    func byteCount() {
        #expect(fault(patched(12, 84)) == .byteCount(84, expected: 85))
        #expect(fault(patched(12, 86, good() + [0])) == .byteCount(86, expected: 85))
        #expect(fault(patched(16 + 12, 3)) == .byteCount(85, expected: 86))
        #expect(fault(patched(16 + 15, 255)) == .byteCount(85, expected: 85 + 255 << 24))
        #expect(fault(patched(12, 0)) == .byteCount(0, expected: 85))
    }

    @Test("a batch above the limit is EMSGSIZE, all else EINVAL")
    func errnos() {
        #expect(fault(good(), maximum: 84) == .tooLarge(byteCount: 85, maximum: 84))
        #expect(fault(good(), maximum: 84)?.errno == .messageTooLong)
        #expect(fault(patched(0, 0))?.errno == .invalidArgument)
        #expect(fault([])?.errno == .invalidArgument)
    }

    private func record(_ bytes: [UInt8], _ direction: CopyDirection = .toDevice) -> Int? {
        guard case .record(let index, let reason) = fault(bytes, direction) else { return nil }
        #expect(!reason.isEmpty)
        return index
    }

    @Test(
        "an answer carries exactly one of complete, more and broken", arguments: [UInt8(0), 3, 4, 5, 6, 7, 8])
    func answerFlags(high: UInt8) { #expect(record(patched(16 + 32 + 9, high)) == 1) }

    @Test("an answer's unknown and delivery flags are refused", arguments: [UInt8(1), 2, 128])
    func answerLowFlags(low: UInt8) { #expect(record(patched(16 + 8, low)) == 0) }

    @Test("an answer states nothing of the chain, and nothing in the reserved field")
    func answerFields() {
        #expect(record(patched(16 + 16, 1)) == 0)
        #expect(record(patched(16 + 20, 1)) == 0)
        #expect(record(patched(16 + 28, 1)) == 0)
        #expect(record(patched(16 + 32 + 31, 1)) == 1)
        #expect(record(patched(16, 0)) == 0)
    }

    @Test("broken: token 0, no payload, the last record")
    func broken() {
        var alone = BatchWriter(.toDevice)
        alone.declareBroken()
        #expect(fault(alone.bytes()) == nil)
        #expect(record(patched(16, 1, alone.bytes())) == 0)
        #expect(record(patched(16 + 24, 1, alone.bytes())) == 0)
        var first = BatchWriter(.toDevice)
        first.declareBroken()
        first.complete(1)
        #expect(record(first.bytes()) == 0)
    }

    private func delivery(_ flags: CopyFlags, payload: UInt32, readable: UInt32, offset: UInt32) -> [UInt8] {
        var writer = BatchWriter(.toBackend)
        writer.append(
            CopyRecord(token: 1, flags: flags, readableByteCount: readable, offset: offset),
            payload: [UInt8](repeating: 0, count: Int(payload)))
        return writer.bytes()
    }

    @Test("a delivery stays inside its chain, and says part exactly when more follows")
    func deliveries() {
        #expect(record(delivery([], payload: 5, readable: 5, offset: 0), .toBackend) == nil)
        #expect(record(delivery(.part, payload: 4, readable: 5, offset: 0), .toBackend) == nil)
        #expect(record(delivery(.part, payload: 5, readable: 5, offset: 0), .toBackend) == 0)
        #expect(record(delivery([], payload: 4, readable: 5, offset: 0), .toBackend) == 0)
        #expect(record(delivery([], payload: 5, readable: 5, offset: 1), .toBackend) == 0)
        #expect(record(delivery([], payload: 5, readable: 5, offset: .max), .toBackend) == 0)
        #expect(record(delivery(.complete, payload: 5, readable: 5, offset: 0), .toBackend) == 0)
        #expect(record(patched(16, 0, delivery([], payload: 5, readable: 5, offset: 0)), .toBackend) == 0)
    }

    @Test("random bytes never trap", arguments: 0..<20)
    func randomBytes(seed: UInt64) {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        for direction in [CopyDirection.toDevice, .toBackend] {
            var reader = BatchReader(direction)
            for _ in 0..<2000 {
                var bytes = good()
                bytes[6] = UInt8(direction.rawValue)
                for _ in 0..<3 {
                    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    bytes[Int(state >> 33) % bytes.count] = UInt8(truncatingIfNeeded: state >> 24)
                }
                do {
                    try reader.read(bytes.span)
                    for record in reader.records { #expect(record.payload.upperBound <= bytes.count) }
                } catch { #expect(!error.description.isEmpty) }
            }
        }
    }
}
