import LinuxSystem
import SystemPackage

/// A backend that does nothing with what it gets: reads batches, completes their chains.
struct CopyClient: ~Copyable {
    private let file: OwnedDescriptor
    private var buffer = [UInt8](repeating: 0, count: 1 << 20)
    private var answer: [UInt8] = []
    /// Chains read and not completed.
    private(set) var tokens: [UInt64] = []

    static let batchHeader = 16
    static let recordHeader = 32

    init(_ path: String) throws {
        file = try OwnedDescriptor(openingForReadingAndWriting: path)
        tokens.reserveCapacity(256)
    }

    /// One read that offers `byteCount` bytes; how many came.
    mutating func read(_ byteCount: Int) throws -> Int {
        if buffer.count != byteCount { buffer = [UInt8](repeating: 0, count: byteCount) }
        return try file.readNext(into: &buffer)
    }

    /// One read of chains.
    mutating func readChains(_ byteCount: Int) throws {
        guard try read(byteCount) >= Self.batchHeader else { throw BenchFailure("a read gave no batch") }
        noteChains()
    }

    /// Remembers the chains of the batch read last.
    mutating func noteChains() { tokens += Self.tokens(of: buffer.span) }

    private static func tokens(of batch: Span<UInt8>) -> [UInt64] {
        let count = Int(batch.littleEndian(at: 8) as UInt32)
        var tokens: [UInt64] = []
        tokens.reserveCapacity(count)
        for index in 0..<count {
            let record = batchHeader + recordHeader * index
            // VOP_COPY_PART: there is more of it.
            guard (batch.littleEndian(at: record + 8) as UInt32) & 1 == 0 else { continue }
            tokens.append(batch.littleEndian(at: record))
        }
        return tokens
    }

    /// One write that completes all chains read, without a payload.
    mutating func completeAll() throws {
        guard !tokens.isEmpty else { return }
        prepareAnswer(recordCount: tokens.count, payloadByteCount: 0)
        Self.put(tokens, into: &answer)
        tokens.removeAll(keepingCapacity: true)
        try write()
    }

    private static func put(_ tokens: [UInt64], into answer: inout [UInt8]) {
        var bytes = answer.mutableSpan
        for (index, token) in tokens.enumerated() {
            bytes.store(littleEndian: token, at: batchHeader + recordHeader * index)
        }
    }

    /// One write that completes one chain of those read, with what `prepareAnswer` prepared.
    mutating func completeNext(_ index: Int) throws {
        put(tokens[index], at: Self.batchHeader, byteCount: 8)
        try write()
    }

    mutating func forgetTokens(first count: Int) { tokens.removeFirst(count) }

    /// Makes a batch whose tokens are still missing; with one record, it has the payload.
    mutating func prepareAnswer(recordCount: Int, payloadByteCount: Int) {
        let whole = Self.batchHeader + Self.recordHeader * recordCount + payloadByteCount
        guard answer.count != whole else { return }
        answer = [UInt8](repeating: 0, count: whole)
        put(0x4350_4F56, at: 0, byteCount: 4)
        put(1, at: 4, byteCount: 2)
        put(2, at: 6, byteCount: 2)
        put(UInt64(recordCount), at: 8, byteCount: 4)
        put(UInt64(whole), at: 12, byteCount: 4)
        for index in 0..<recordCount {
            put(256, at: Self.batchHeader + Self.recordHeader * index + 8, byteCount: 4)
        }
        if recordCount == 1 { put(UInt64(payloadByteCount), at: Self.batchHeader + 12, byteCount: 4) }
    }

    /// One write of what is prepared, whatever reads it.
    mutating func write() throws {
        guard try file.writeNext(answer, []) == answer.count else { throw BenchFailure("a write was short") }
    }

    private mutating func put(_ number: UInt64, at start: Int, byteCount: Int) {
        for index in 0..<byteCount {
            answer[start + index] = UInt8(truncatingIfNeeded: number >> UInt64(8 * index))
        }
    }
}
