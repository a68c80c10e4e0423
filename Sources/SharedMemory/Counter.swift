public import Synchronization

/// A number that one thread counts up, and any may read: a plain load and store there, and nothing for the reader's sake.
public struct Counter: ~Copyable, Sendable {
    @usableFromInline let value = Atomic<UInt64>(0)

    public init() {}

    /// By its own thread alone.
    @inlinable
    public borrowing func add(_ amount: UInt64 = 1) {
        // ORDER: relaxed; one writer, and readers only want a recent value.
        value.store(value.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }

    /// A recent value.
    @inlinable public var now: UInt64 { value.load(ordering: .relaxed) }
}
