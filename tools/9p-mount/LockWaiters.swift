import FUSEMount
import LinuxSystem
import Synchronization
import SystemPackage

/// Lock requests that wait. The server says BLOCKED rather than waiting, so they are asked again, less and less often, on a
/// thread of their own: the threads that serve are not held up.
final class LockWaiters: Sendable {
    enum Attempt: Sendable {
        case granted
        case blocked
        case failed(Errno)
    }

    /// Guarded by the one thread that looks at it, but for `isInterrupted`.
    private final class Waiter: @unchecked Sendable {
        var request: FUSERequest?
        let attempt: @Sendable () -> Attempt
        let undo: @Sendable () -> Void
        let isInterrupted = Atomic(false)
        var delay = LockWaiters.shortestDelay
        var due = ContinuousClock.now + LockWaiters.shortestDelay

        init(
            _ request: consuming FUSERequest, _ attempt: @escaping @Sendable () -> Attempt,
            _ undo: @escaping @Sendable () -> Void
        ) {
            self.request = consume request
            (self.attempt, self.undo) = (attempt, undo)
        }
    }

    private struct State {
        var arrived: [Waiter] = []
        var thread: Thread?
    }

    private static let shortestDelay = Duration.milliseconds(4)
    private static let longestDelay = Duration.milliseconds(250)

    private let state = Mutex(State())
    private let parker = Parker()

    /// Answers `request` once `attempt` is granted or fails, `EINTR` when its caller is interrupted. A grant that reaches
    /// nobody is undone.
    func add(
        _ request: consuming FUSERequest, undo: @escaping @Sendable () -> Void,
        attempt: @escaping @Sendable () -> Attempt
    ) {
        let waiter = Waiter(request, attempt, undo)
        let parker = parker
        let isWaiting = waiter.request?.onInterrupt { [weak waiter] in
            waiter?.isInterrupted.store(true, ordering: .relaxed)
            parker.unpark()
        }
        if isWaiting == false { waiter.isInterrupted.store(true, ordering: .relaxed) }
        let isServed = state.withLock { state in
            if state.thread == nil { state.thread = try? Thread("locks") { [self] in serve() } }
            guard state.thread != nil else { return false }
            state.arrived.append(waiter)
            return true
        }
        // Without a thread to ask again nobody would ever answer.
        guard isServed else {
            waiter.request.take()?.fail(.noLocks)
            return
        }
        parker.unpark()
    }

    private func serve() {
        var waiters: [Waiter] = []
        while true {
            waiters += state.withLock { state in
                defer { state.arrived = [] }
                return state.arrived
            }
            waiters.removeAll { isAnswered($0) }
            let next = waiters.map(\.due).min()
            parker.park(for: next.map { $0 - .now })
        }
    }

    private func isAnswered(_ waiter: Waiter) -> Bool {
        if waiter.isInterrupted.load(ordering: .relaxed) {
            waiter.request.take()?.fail(.interrupted)
            return true
        }
        guard waiter.due <= .now else { return false }
        switch waiter.attempt() {
        case .granted:
            if waiter.request.take()?.succeed().isDelivered != true { waiter.undo() }
            return true
        case .failed(let errno):
            waiter.request.take()?.fail(errno)
            return true
        case .blocked:
            waiter.delay = min(waiter.delay * 2, LockWaiters.longestDelay)
            waiter.due = .now + waiter.delay
            return false
        }
    }
}
