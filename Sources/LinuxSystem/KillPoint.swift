import Glibc

/// Places where a test has a process kill itself, as if somebody had killed it just then. In a debug build with
/// VOP_KILL_AT=NAME or NAME:COUNT in its environment; a release build has none of it.
public enum KillPoint: String, Sendable, CaseIterable {
    /// A chain was taken from the driver and written down; no backend has it. In a backend: it has it.
    case afterTake = "after-take"
    /// A chain given back is marked in the in-flight record, and not shown in the used index.
    case beforeUsedIndex = "before-used-index"
    /// It is shown, and still marked.
    case afterUsedIndex = "after-used-index"
    /// A device is in the record of the page, and not yet on it.
    case beforeSlot = "before-slot"
    /// It is on both.
    case afterSlot = "after-slot"
    /// The two sides have met afresh, and this is not written down.
    case inMeeting = "in-meeting"
    /// A file that is to replace another is whole, and beside it.
    case beforeRename = "before-rename"
    /// An intent is in the journal, its effect is not made.
    case afterIntent = "after-intent"
    /// The effect is made, its reply is not in the journal.
    case afterSideEffect = "after-side-effect"
    /// The reply is in the journal, and nowhere else.
    case afterJournal = "after-journal"
    /// A record of the journal is written but for its length.
    case inJournalRecord = "in-journal-record"
    /// Answers are about to be written to their carrier.
    case beforeAnswer = "before-answer"
    /// Answers are written to their carrier, and still in the journal.
    case afterAnswer = "after-answer"

    /// Kills this process, the COUNTth time it comes here.
    @inline(__always)
    public static func reach(_ point: KillPoint) {
        #if DEBUG
            KillPlan.shared?.reach(point)
        #endif
    }
}

#if DEBUG
    import Synchronization

    private final class KillPlan: Sendable {
        static let shared = KillPlan()
        private let point: KillPoint
        private let left: Atomic<Int>

        private init?() {
            guard let text = unsafe getenv("VOP_KILL_AT") else { return nil }
            let parts = unsafe String(cString: text).split(separator: ":")
            guard let name = parts.first, let point = KillPoint(rawValue: String(name)) else { return nil }
            self.point = point
            left = Atomic(parts.count > 1 ? Int(parts[1]) ?? 1 : 1)
        }

        func reach(_ point: KillPoint) {
            guard point == self.point, left.subtract(1, ordering: .relaxed).newValue == 0 else { return }
            _ = kill(getpid(), SIGKILL)
        }
    }
#endif
