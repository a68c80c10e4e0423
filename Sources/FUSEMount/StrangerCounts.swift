import LinuxSystem

/// How many files those have open who are neither root, nor the user whose daemon this is, nor the file's owner. Each keeps
/// what it read, in this daemon's memory, so that there is an end to it.
struct StrangerCounts {
    /// For each user.
    static let limit = 1024

    private var counts: [UInt32: Int] = [:]

    func isStranger(_ user: UInt32, to owner: UInt32) -> Bool {
        user != 0 && user != ProcessOwner.user && user != owner
    }

    /// - Returns: false when that user has too many already.
    mutating func admit(_ user: UInt32) -> Bool {
        guard counts[user, default: 0] < Self.limit else { return false }
        counts[user, default: 0] += 1
        return true
    }

    mutating func leave(_ user: UInt32) {
        guard let count = counts[user] else { return }
        counts[user] = count > 1 ? count - 1 : nil
    }
}
