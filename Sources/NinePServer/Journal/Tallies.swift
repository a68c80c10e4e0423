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

    /// All of them in one line.
    public var text: String {
        let parts = [
            ("resumed_fids", resumedFids.load(ordering: .relaxed)),
            ("lost_fids", lostFids.load(ordering: .relaxed)),
            ("resumed_locks", resumedLocks.load(ordering: .relaxed)),
            ("lost_locks", lostLocks.load(ordering: .relaxed)),
            ("answered_again", answeredAgain.load(ordering: .relaxed)),
            ("undecided", undecided.load(ordering: .relaxed)),
        ]
        return parts.map { "\($0.0)=\($0.1)" }.joined(separator: " ")
    }
}
