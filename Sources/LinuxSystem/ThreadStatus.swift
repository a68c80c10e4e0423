import Glibc

/// What /proc says of some thread of the machine's.
public struct ThreadStatus: Sendable, Hashable {
    /// Supplementary groups.
    public let groups: [UInt32]
    /// A fatal signal is on its way: the kernel then marks SIGKILL as pending in every thread of the process.
    public let isBeingKilled: Bool

    /// `nil` when there is no such thread (any more), or /proc does not show it.
    public init?(of thread: CInt) {
        guard thread > 0, let bytes = try? ValueFile(reading: "/proc/\(thread)/status").contents() else {
            return nil
        }
        let text = String(decoding: bytes, as: UTF8.self)
        var groups: [UInt32] = []
        var isBeingKilled = false
        for line in text.split(separator: "\n") {
            let fields = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
            switch fields.first {
            case "Groups:": groups = fields.dropFirst().compactMap { UInt32($0) }
            case "SigPnd:":
                let pending = fields.dropFirst().first.flatMap { UInt64($0, radix: 16) } ?? 0
                isBeingKilled = pending & (1 << UInt64(SIGKILL - 1)) != 0
            default: continue
            }
        }
        (self.groups, self.isBeingKilled) = (groups, isBeingKilled)
    }
}
