import Glibc

/// State behind a lock with a condition to wait on: what worker threads share. The lock is held for the length of
/// `withLock`; `wait` inside it lets go until somebody calls `wakeOne` or `wakeAll`.
@safe public final class Monitor<State>: @unchecked Sendable {
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var state: State

    public init(_ state: sending State) {
        unsafe lock = .allocate(capacity: 1)
        unsafe condition = .allocate(capacity: 1)
        // SAFETY: fresh storage, initialised once here and destroyed once in `deinit`; it never moves.
        unsafe lock.initialize(to: pthread_mutex_t())
        unsafe condition.initialize(to: pthread_cond_t())
        _ = unsafe pthread_mutex_init(lock, nil)
        _ = unsafe pthread_cond_init(condition, nil)
        self.state = state
    }

    deinit {
        // SAFETY: nobody holds this object any more, so nobody holds the lock or waits.
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(lock)
        unsafe condition.deallocate()
        unsafe lock.deallocate()
    }

    @discardableResult
    public func withLock<Result, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // SAFETY: initialised in `init`, alive as long as this object; unlocked on every way out.
        _ = unsafe pthread_mutex_lock(lock)
        defer { _ = unsafe pthread_mutex_unlock(lock) }
        return try body(&state)
    }

    /// Waits until `attempt` answers something; it is asked again after each wake-up.
    public func waiting<Result>(for attempt: (inout State) -> Result?) -> Result {
        // SAFETY: as above; the condition's wait gives the lock up and takes it again.
        _ = unsafe pthread_mutex_lock(lock)
        defer { _ = unsafe pthread_mutex_unlock(lock) }
        while true {
            if let result = attempt(&state) { return result }
            _ = unsafe pthread_cond_wait(condition, lock)
        }
    }

    public func wakeOne() { _ = unsafe pthread_cond_signal(condition) }
    public func wakeAll() { _ = unsafe pthread_cond_broadcast(condition) }
}
