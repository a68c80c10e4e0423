import FUSEMount
import LinuxSystem
import NinePClient
import Synchronization
import SystemPackage

/// Lock requests that wait. The server says BLOCKED rather than waiting, so they are asked again, less and less often: by one
/// thread that knows when, and by threads that ask. Those that serve are not held up, and a server that takes its time over
/// one file's locks holds up no other's.
///
/// ```
///   add ──► keeper ──due──► askers ──granted, failed──► answered
///             ▲───────blocked───┘
/// ```
final class LockWaiters: Sendable {
    enum Attempt: Sendable {
        case granted
        case blocked
        case failed(Errno)
    }

    /// What a waiter does, and how its caller is answered (`nil`: the lock is its own): whether that reached it.
    struct Calls: Sendable {
        /// Given up by the interruption, also while the server is asked.
        let attempt: @Sendable (Interruption) -> Attempt
        /// Makes a lock as if it had never been granted.
        let undo: @Sendable () -> Void
        let answer: @Sendable (Errno?) -> Bool
    }

    /// Looked at by the thread that has it: the keeper or an asker.
    private final class Waiter: @unchecked Sendable {
        let calls: Calls
        let interruption: Interruption
        var delay = LockWaiters.shortestDelay
        var due = ContinuousClock.now + LockWaiters.shortestDelay

        init(_ calls: Calls, _ interruption: Interruption) {
            (self.calls, self.interruption) = (calls, interruption)
        }

        var isDue: Bool { interruption.isRequested || due <= .now }
    }

    /// For the keeper.
    private struct Arrivals {
        var waiters: [Waiter] = []
        var thread: Thread?
    }

    /// For the askers.
    private struct Due {
        var waiters: [Waiter] = []
        var threadCount = 0
        var idleCount = 0
    }

    private static let shortestDelay = Duration.milliseconds(4)
    private static let longestDelay = Duration.milliseconds(250)
    private static let mostAskers = 16

    private let arrivals = Mutex(Arrivals())
    private let parker = Parker()
    private let due = Monitor(Due())

    /// A request of the kernel's until it is answered.
    private final class Held: Sendable {
        private struct State: ~Copyable { var request: FUSERequest? }
        private let state: Mutex<State>

        init(_ request: consuming FUSERequest) { state = Mutex(State(request: request)) }

        func take() -> FUSERequest? { state.withLock { $0.request.take() } }
    }

    // MARK: What is asked

    /// Answers `request` once `attempt` is granted or fails, `EINTR` when its caller is interrupted. A grant that reaches
    /// nobody, or that nobody knows of, is undone.
    func add(
        _ request: consuming FUSERequest, undo: @escaping @Sendable () -> Void,
        attempt: @escaping @Sendable (Interruption) -> Attempt
    ) {
        let (interruption, parker) = (Interruption(), parker)
        let isWaiting = request.onInterrupt {
            // May wait while a request is being sent, as any request may.
            interruption.interrupt()
            parker.unpark()
        }
        if !isWaiting { interruption.interrupt() }
        let held = Held(request)
        let calls = Calls(attempt: attempt, undo: undo) { errno in
            guard let request = held.take() else { return false }
            guard let errno else { return request.succeed().isDelivered }
            return request.fail(errno).isDelivered
        }
        add(calls, interruption)
    }

    func add(_ calls: Calls, _ interruption: Interruption) {
        let isKept = arrivals.withLock { arrivals in
            do throws(Errno) {
                if arrivals.thread == nil { arrivals.thread = try Thread("locks") { [self] in keep() } }
            } catch { return false }
            arrivals.waiters.append(Waiter(calls, interruption))
            return true
        }
        // Without a thread to ask again nobody would ever answer.
        if isKept { parker.unpark() } else { _ = calls.answer(.noLocks) }
    }

    // MARK: The threads

    private func keep() {
        var waiting: [Waiter] = []
        while true {
            waiting += arrivals.withLock { arrivals in
                defer { arrivals.waiters = [] }
                return arrivals.waiters
            }
            let dueNow = waiting.partition(by: \.isDue)
            for waiter in waiting[dueNow...] { hand(waiter) }
            waiting.removeSubrange(dueNow...)
            let next = waiting.map(\.due).min()
            parker.park(for: next.map { $0 - .now })
        }
    }

    private func hand(_ waiter: Waiter) {
        let (isShort, isAlone) = due.withLock { due in
            due.waiters.append(waiter)
            let isShort = due.waiters.count > due.idleCount && due.threadCount < LockWaiters.mostAskers
            if isShort { due.threadCount += 1 }
            return (isShort, due.threadCount == 1)
        }
        due.wakeOne()
        guard isShort else { return }
        do throws(Errno) { _ = try Thread("lock") { [self] in ask() } } catch {
            due.withLock { $0.threadCount -= 1 }
            // Others have it in hand; if there are none, this thread does it.
            if isAlone, let waiter = due.withLock({ $0.waiters.popLast() }) { ask(for: waiter) }
        }
    }

    private func ask() {
        while true {
            due.withLock { $0.idleCount += 1 }
            let waiter = due.waiting { due -> Waiter? in
                guard !due.waiters.isEmpty else { return nil }
                due.idleCount -= 1
                return due.waiters.removeFirst()
            }
            ask(for: waiter)
        }
    }

    private func ask(for waiter: Waiter) {
        guard !isAnswered(waiter) else { return }
        waiter.delay = min(waiter.delay * 2, LockWaiters.longestDelay)
        waiter.due = .now + waiter.delay
        arrivals.withLock { $0.waiters.append(waiter) }
        parker.unpark()
    }

    private func isAnswered(_ waiter: Waiter) -> Bool {
        let calls = waiter.calls
        if waiter.interruption.isRequested {
            _ = calls.answer(.interrupted)
            return true
        }
        switch calls.attempt(waiter.interruption) {
        case .granted:
            if !calls.answer(nil) { calls.undo() }
        case .failed(let errno):
            // Given up half way it may have been granted all the same.
            if errno == .interrupted { calls.undo() }
            _ = calls.answer(errno)
        case .blocked: return false
        }
        return true
    }
}
