import Glibc

/// Places where a test has a process kill itself, as if somebody had killed it just then. In a debug build with
/// VOP_KILL_AT=NAME or NAME:COUNT in its environment; a release build has none of it.
public enum KillPoint: String, Sendable, CaseIterable {
    /// A chain was taken from the driver and written down; no backend has it. In a backend: it has it.
    case afterTake = "after-take"
    /// Used elements are written, the used index is not.
    case beforeUsedIndex = "before-used-index"
    /// The used index is published; the record says that the chains are in flight.
    case afterUsedIndex = "after-used-index"
    /// A slot is written down, the page does not show it.
    case beforeSlot = "before-slot"
    /// A slot is off the page, and still written down.
    case afterSlot = "after-slot"
    /// A peer has said its last word of a fresh meeting; nothing of it is written down.
    case inMeeting = "in-meeting"
    /// The saved configuration is written beside, and not in its place.
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
    /// In a driver: a request was taken from its user, and is written down nowhere.
    case afterRequest = "after-request"
    /// In a driver: a chain is written down, the device does not see it.
    case afterChain = "after-chain"
    /// In a guest: chains are committed, the available index does not say so.
    case beforeAvailableIndex = "before-available-index"
    /// In a guest: the available index is published, the device is not notified.
    case afterAvailableIndex = "after-available-index"
    /// In a driver: a used element was taken, and the record says that its chain is in flight.
    case beforeCompletion = "before-completion"
    /// In a driver: a chain that came back is written down, its reply is not on its way.
    case afterCompletion = "after-completion"
    /// In a driver: a reply is written to its user, and still in the record.
    case afterReply = "after-reply"
    /// In a guest: a meeting was resumed, and some of its devices are taken up again.
    case inTakeOver = "in-take-over"

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
