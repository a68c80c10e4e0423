import CLinux
public import SystemPackage

/// An eventfd that a distrusted process holds too.
extension EventCounter {
    /// Adopts one received from a peer.
    ///
    /// - Throws: `EINVAL` when it is no eventfd (the peer's fault): a write to anything else might block.
    public convenience init(untrusted received: consuming OwnedDescriptor) throws(Errno) {
        _ = try checked(clinux_adopt_eventfd(received.rawValue))
        self.init(owning: received)
    }

    /// As `signal()`; does not wait even if the peer made the shared open file blocking and filled it.
    public func signalShared() { _ = clinux_ring_eventfd(rawDescriptor) }
}
