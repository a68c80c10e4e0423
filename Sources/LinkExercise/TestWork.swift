import SharedMemory

/// Filling, summing or copying memory for a test, a piece at a time, so that the devices of the link are served between.
struct TestWork {
    private enum Origin {
        case pattern(TestPattern)
        case memory(MemoryWindow)
    }

    /// At once: some tens of microseconds.
    static let pieceByteCount = 65536

    private let origin: Origin
    private let target: MemoryWindow?
    private let byteCount: Int
    private var position = 0
    private var sum = CRC32()

    private init(_ origin: Origin, to target: MemoryWindow?, byteCount: Int) {
        self.origin = origin
        self.target = target
        self.byteCount = byteCount
    }

    static func fill(_ target: MemoryWindow, seed: UInt64) -> TestWork {
        TestWork(.pattern(TestPattern(seed: seed)), to: target, byteCount: target.byteCount)
    }

    static func checksum(of source: MemoryWindow) -> TestWork {
        TestWork(.memory(source), to: nil, byteCount: source.byteCount)
    }

    /// - Precondition: both are of one size.
    static func copy(_ source: MemoryWindow, to target: MemoryWindow) -> TestWork {
        precondition(source.byteCount == target.byteCount, "a copy of another size")
        return TestWork(.memory(source), to: target, byteCount: source.byteCount)
    }

    /// Of what was filled in, read or copied.
    var crc: UInt32 { sum.value }
    var isDone: Bool { position == byteCount }

    mutating func step() {
        let count = min(byteCount - position, Self.pieceByteCount)
        let bytes =
            switch origin {
            case .pattern(let pattern): pattern.bytes(from: position, byteCount: count)
            case .memory(let memory): memory.bytes(at: position, byteCount: count)
            }
        sum.add(bytes.span)
        target?.write(bytes, at: position)
        position += count
    }
}
