/// How long something took, many times: each power of two is four buckets, so a bucket's bounds are at most a quarter apart.
public struct LatencyHistogram: Sendable, Equatable {
    public private(set) var count: UInt64 = 0
    public private(set) var sum: UInt64 = 0
    public private(set) var least: UInt64?
    public private(set) var most: UInt64 = 0
    private var counts = [UInt64](repeating: 0, count: 256)

    public init() {}

    /// - Parameter time: in nanoseconds.
    public mutating func add(_ time: UInt64) {
        count += 1
        sum &+= time
        least = min(least ?? time, time)
        most = max(most, time)
        counts[Self.bucket(of: time)] += 1
    }

    public var average: UInt64 { count == 0 ? 0 : sum / count }

    /// The buckets that have something: each one's lower bound in nanoseconds, and how many.
    public var buckets: [(lowerBound: UInt64, count: UInt64)] {
        counts.indices.filter { counts[$0] > 0 }.map { (Self.lowerBound(of: $0), counts[$0]) }
    }

    static func bucket(of time: UInt64) -> Int {
        guard time >= 4 else { return Int(time) }
        let power = 63 - time.leadingZeroBitCount
        return 4 * (power - 1) + Int(time >> UInt64(power - 2) & 3)
    }

    static func lowerBound(of bucket: Int) -> UInt64 {
        guard bucket >= 4 else { return UInt64(bucket) }
        return UInt64(4 + bucket % 4) << UInt64(bucket / 4 - 1)
    }
}
