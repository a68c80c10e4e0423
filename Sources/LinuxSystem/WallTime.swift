import Glibc

/// A point of real time, as files and event logs carry it.
@frozen
public struct WallTime: Hashable, Sendable {
    /// Since 1970, without leap seconds.
    public var seconds: Int64
    /// Below one second.
    public var nanoseconds: Int64

    public init(seconds: Int64, nanoseconds: Int64) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    /// CLOCK_REALTIME
    public static var now: WallTime {
        var time = timespec()
        // SAFETY: one whole local structure; this clock always exists.
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(seconds: Int64(time.tv_sec), nanoseconds: Int64(time.tv_nsec))
    }

    /// Nanoseconds since 1970; the year 2262 is far.
    public var sinceEpoch: Int64 { seconds &* 1_000_000_000 &+ nanoseconds }
}
