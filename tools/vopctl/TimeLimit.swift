import LinuxSystem
import Synchronization
import SystemPackage

/// Ends the program when the service has not answered in time: the tree's files answer when they do, and not before.
final class TimeLimit: Sendable {
    private let parker = Parker()
    private let isLifted = Atomic(false)

    /// - Parameter say: tells the failure and gives the status to end with.
    init(_ limit: Duration, say: @escaping @Sendable (Failure) -> ExitStatus) throws {
        let deadline = ContinuousClock.now + limit
        _ = try Thread("time-limit") { [self] in
            while !isLifted.load(ordering: .relaxed) {
                let left = deadline - .now
                guard left > .zero else { break }
                parker.park(for: left)
            }
            if isLifted.exchange(true, ordering: .relaxed) { return }
            let failure = Failure(
                .timedOut, "the service has not answered within \(limit); what was asked may still happen",
                errno: .timedOut)
            ThisProcess.endAtOnce(say(failure).rawValue)
        }
    }

    /// It has answered.
    func lift() {
        isLifted.store(true, ordering: .relaxed)
        parker.unpark()
    }
}
