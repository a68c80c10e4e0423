/// What any two sides may agree on when they meet.
public enum MeetingLimits {
    /// A window's size: multiples of 4096 in this range.
    public static let windowByteCounts = 1 << 20...1 << 32
    public static let defaultWindowByteCount = 64 << 20
    public static let doorbellCounts = 1...32
    public static let defaultDoorbellCount = 16
    public static let vectorCounts = doorbellCounts
    public static let defaultVectorCount = 4
    /// MIC_DP_SIZE
    public static let devicePageByteCount = 4096

    /// Says what is wrong with a window size, `nil` when nothing is.
    public static func fault(windowByteCount: Int) -> String? {
        guard windowByteCounts.contains(windowByteCount), windowByteCount % 4096 == 0 else {
            return "window_bytes \(windowByteCount): a multiple of 4096 from 1048576 to 4294967296 is allowed"
        }
        return nil
    }

    public static func fault(doorbellCount: Int) -> String? {
        doorbellCounts.contains(doorbellCount) ? nil : "doorbells \(doorbellCount): 1 to 32 are allowed"
    }

    /// Says what is wrong with the size of a memory that we serve, `nil` when nothing is.
    public static func fault(ivshmemByteCount byteCount: Int) -> String? {
        guard windowByteCounts.contains(byteCount), byteCount & (byteCount - 1) == 0 else {
            return
                "window_bytes \(byteCount): for ivshmem a power of two from 1048576 to 4294967296 is allowed"
        }
        return nil
    }

    public static func fault(vectorCount: Int) -> String? {
        vectorCounts.contains(vectorCount) ? nil : "vectors \(vectorCount): 1 to 32 are allowed"
    }

    /// Where the windows of the `number`th meeting lie. Every meeting has places of its own for a long while, so an
    /// address kept from an earlier one lies in no window.
    static func bases(ofMeeting number: UInt64) -> (host: UInt64, guest: UInt64) {
        let place = (number % 0xFFFF + 1) << 36
        return (host: place, guest: place | 1 << 35)
    }
}
