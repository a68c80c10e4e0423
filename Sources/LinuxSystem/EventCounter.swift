import CLinux
import Glibc
public import SystemPackage

/// An eventfd: any thread or process that holds it may `signal()`; the owner polls it and `drain()`s.
public final class EventCounter: Sendable {
    private let descriptor: OwnedDescriptor

    public init() throws(Errno) { descriptor = OwnedDescriptor(owning: try checked(clinux_eventfd())) }

    /// Takes over an eventfd received from elsewhere.
    public init(owning descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

    public var rawDescriptor: CInt { descriptor.rawValue }

    /// Adds one. A counter that is already full (EAGAIN) is as signalled as it can be.
    public func signal() {
        var one: UInt64 = 1
        // SAFETY: `one` is a local of exactly the eight bytes an eventfd takes.
        _ = unsafe write(descriptor.rawValue, &one, 8)
    }

    /// Takes the count, zero when nobody signalled since the last time.
    @discardableResult
    public func drain() -> UInt64 {
        var count: UInt64 = 0
        // SAFETY: `count` is a local of exactly the eight bytes an eventfd gives.
        return unsafe read(descriptor.rawValue, &count, 8) == 8 ? count : 0
    }
}
