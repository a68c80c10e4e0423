import LinuxSystem

/// When the server ends, and why: a signal, nothing left to serve, or a carrier's failure.
final class Ending: Sendable {
    private struct State {
        var carrierCount: Int
        var isDue = false
        var failure: Failure?
    }

    private let state: Monitor<State>

    init(carrierCount: Int) { state = Monitor(State(carrierCount: carrierCount)) }

    /// - Parameter failure: why signals cannot be heard any more.
    func signalled(_ failure: Failure? = nil) {
        state.withLock { state in
            state.isDue = true
            state.failure = state.failure ?? failure
        }
        state.wakeAll()
    }

    func carrierEnded(_ failure: Failure? = nil) {
        state.withLock { state in
            state.carrierCount -= 1
            state.failure = state.failure ?? failure
            if state.carrierCount == 0 || failure != nil { state.isDue = true }
        }
        state.wakeAll()
    }

    /// Waits for it.
    ///
    /// - Throws: the failure that caused it.
    func wait() throws(Failure) {
        let failure: Failure? = state.waiting { $0.isDue ? .some($0.failure) : nil }
        if let failure { throw failure }
    }
}
