/// Which parts of a range of addresses are taken: first fit, merging when freed. The book is private; nothing of it lies
/// in the memory it is about.
public struct RangeAllocator: Sendable {
    /// Allocations begin and end on whole cache lines, so that no two of them share one.
    public static let granule: UInt64 = 64

    /// Free ranges in ascending order, never touching each other.
    public private(set) var free: [Range<UInt64>]
    private var taken: [UInt64: UInt64] = [:]

    /// - Parameter range: all there is, its ends aligned to `granule`.
    public init(_ range: Range<UInt64>) { free = range.isEmpty ? [] : [range] }

    public var takenByteCount: UInt64 { taken.values.reduce(0, +) }
    public var freeByteCount: UInt64 { free.reduce(0) { $0 + ($1.upperBound - $1.lowerBound) } }

    /// The first free range of `byteCount` bytes whose address is a multiple of `alignment` (a power of two), or
    /// `nil`.
    public mutating func allocate(byteCount: UInt64, alignment: UInt64) -> UInt64? {
        precondition(byteCount > 0 && alignment.nonzeroBitCount == 1, "an empty or oddly aligned allocation")
        let step = max(alignment, Self.granule)
        guard let length = Self.rounded(byteCount, to: Self.granule) else { return nil }
        for index in free.indices {
            let range = free[index]
            guard let start = Self.rounded(range.lowerBound, to: step), start <= range.upperBound,
                range.upperBound - start >= length
            else { continue }
            let rest = [range.lowerBound..<start, start + length..<range.upperBound]
            free.replaceSubrange(index...index, with: rest.filter { !$0.isEmpty })
            taken[start] = length
            return start
        }
        return nil
    }

    /// Takes exactly this range, as `allocate` gave it in an earlier life.
    ///
    /// - Returns: false when some of it is taken or not ours, or `allocate` would never have given it.
    public mutating func claim(_ address: UInt64, byteCount: UInt64) -> Bool {
        guard byteCount > 0, address % Self.granule == 0,
            let length = Self.rounded(byteCount, to: Self.granule),
            case let (end, overflow) = address.addingReportingOverflow(length), !overflow,
            let index = free.firstIndex(where: { $0.lowerBound <= address && end <= $0.upperBound })
        else { return false }
        let range = free[index]
        let rest = [range.lowerBound..<address, end..<range.upperBound]
        free.replaceSubrange(index...index, with: rest.filter { !$0.isEmpty })
        taken[address] = length
        return true
    }

    /// Gives back what `allocate` gave. An address that is not taken is left alone.
    public mutating func release(_ address: UInt64) {
        guard let length = taken.removeValue(forKey: address) else { return }
        var range = address..<address + length
        let next = free.firstIndex { $0.lowerBound >= range.upperBound } ?? free.endIndex
        var replaced = next..<next
        if next < free.endIndex, free[next].lowerBound == range.upperBound {
            range = range.lowerBound..<free[next].upperBound
            replaced = replaced.lowerBound..<next + 1
        }
        if next > free.startIndex, free[next - 1].upperBound == range.lowerBound {
            range = free[next - 1].lowerBound..<range.upperBound
            replaced = next - 1..<replaced.upperBound
        }
        free.replaceSubrange(replaced, with: [range])
    }

    private static func rounded(_ value: UInt64, to step: UInt64) -> UInt64? {
        let (sum, overflow) = value.addingReportingOverflow(step - 1)
        return overflow ? nil : sum & ~(step - 1)
    }
}
