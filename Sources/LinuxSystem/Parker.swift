import CLinux

/// Where one thread sleeps until another wakes it. A wake that comes first is kept: the next `park` returns at once.
@safe
public final class Parker: @unchecked Sendable {
    // SAFETY: one word of this object's own, atomic in every access, alive until deinit.
    private let word: UnsafeMutablePointer<UInt32>

    public init() {
        unsafe word = .allocate(capacity: 1)
        unsafe word.initialize(to: 0)
    }

    deinit { unsafe word.deallocate() }

    /// Sleeps until woken, or until `limit` has passed. Returns early for nothing now and then: look again.
    public func park(for limit: Duration? = nil) {
        let timeout = limit.map { max($0, .zero).nanoseconds } ?? -1
        // ORDER: acquire; pairs with the release in `unpark`, so what the waker did before is seen after.
        if unsafe clinux_load_acquire32(word) == 0 { _ = unsafe clinux_futex_wait(word, 0, timeout) }
        _ = unsafe clinux_load_acquire32(word)
        unsafe clinux_store_release32(word, 0)
    }

    public func unpark() {
        // ORDER: release; pairs with the acquire in `park`.
        unsafe clinux_store_release32(word, 1)
        _ = unsafe clinux_futex_wake(word)
    }
}
