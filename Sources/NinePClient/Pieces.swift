/// How the bytes of one read or write are divided among messages.
public struct Pieces: Hashable, Sendable {
    /// In order, without a gap; at least one.
    public let ranges: [Range<Int>]

    /// Smaller ones cost more than is won by having several under way.
    private static let worthwhileByteCount = 512 << 10
    private static let pageByteCount = 4096

    /// All of them in one.
    public init(whole byteCount: Int) { ranges = [0..<byteCount] }

    /// As many as it takes, of the same size, in whole pages where that leaves room; more where they are large.
    ///
    /// - Parameter limit: the most bytes of one, at least 1.
    public init(of byteCount: Int, upTo limit: Int) {
        let least = (byteCount + limit - 1) / limit
        let count = max(least, byteCount / Self.worthwhileByteCount, 1)
        let even = (byteCount + count - 1) / count
        let paged = (even + Self.pageByteCount - 1) & ~(Self.pageByteCount - 1)
        let size = max(paged <= limit ? paged : min(even, limit), 1)
        let starts = stride(from: 0, to: max(byteCount, 1), by: size)
        ranges = starts.map { $0..<min($0 + size, byteCount) }
    }
}
