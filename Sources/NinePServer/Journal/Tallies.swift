import Synchronization

/// What surviving a crash came to, since this process began.
public final class Tallies: Sendable {
    let resumedFids = Atomic(0)
    /// Fids whose file is gone: ESTALE.
    let lostFids = Atomic(0)
    let resumedLocks = Atomic(0)
    let lostLocks = Atomic(0)
    /// Requests answered from the journal.
    let answeredAgain = Atomic(0)
    /// Requests of which nobody can say whether they were carried out: EIO.
    let undecided = Atomic(0)

    /// As they are now.
    public struct Counts: Sendable {
        public let resumedFids: Int
        public let lostFids: Int
        public let resumedLocks: Int
        public let lostLocks: Int
        public let answeredAgain: Int
        public let undecided: Int
    }

    public var counts: Counts {
        Counts(
            resumedFids: resumedFids.load(ordering: .relaxed), lostFids: lostFids.load(ordering: .relaxed),
            resumedLocks: resumedLocks.load(ordering: .relaxed),
            lostLocks: lostLocks.load(ordering: .relaxed),
            answeredAgain: answeredAgain.load(ordering: .relaxed),
            undecided: undecided.load(ordering: .relaxed))
    }

    /// All of them in one line.
    public var text: String {
        let counts = counts
        return """
            resumed_fids=\(counts.resumedFids) lost_fids=\(counts.lostFids) \
            resumed_locks=\(counts.resumedLocks) lost_locks=\(counts.lostLocks) \
            answered_again=\(counts.answeredAgain) undecided=\(counts.undecided)
            """
    }
}
