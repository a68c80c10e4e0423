import LinuxSystem
import Synchronization

/// A peer on a thread of its own: does its step over and over, until it is stopped.
public final class Meddler {
    private final class Shared: Sendable {
        let isDone = Atomic(false)
        let steps = Atomic(0)
    }

    private let shared: Shared
    private let thread: Thread
    private var isStopped = false

    /// - Parameter step: told how often it was called before.
    public init(_ step: @escaping @Sendable (Int) -> Void) throws {
        let shared = Shared()
        self.shared = shared
        thread = try Thread("meddler") {
            var count = 0
            while !shared.isDone.load(ordering: .relaxed) {
                step(count)
                count += 1
                // ORDER: release; pairs with `steps`: what the step wrote is seen by who reads its number.
                shared.steps.store(count, ordering: .releasing)
            }
        }
    }

    deinit { stop() }

    /// Steps done.
    ///
    /// ORDER: acquire; pairs with the store above.
    public var steps: Int { shared.steps.load(ordering: .acquiring) }

    public func stop() {
        guard !isStopped else { return }
        isStopped = true
        shared.isDone.store(true, ordering: .relaxed)
        thread.join()
    }
}
