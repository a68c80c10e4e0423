import LinuxSystem
import Synchronization
public import SystemPackage

/// One directory offered to clients: by the name they attach to (aname), held by descriptor from the start, so
/// that renaming or replacing its path changes nothing.
public final class Export: Sendable {
    public struct Policy: Sendable {
        /// Every change is refused with EROFS.
        public var isReadOnly = false
        /// Mounts below the root may be entered; otherwise they answer EXDEV.
        public var crossesMounts = false
        /// mknod may make block and character devices. They are never opened either way.
        public var allowsDeviceNodes = false

        public init() {}
    }

    public let name: String
    public let path: String
    public let policy: Policy
    let root: Node
    /// How many fids there are of it.
    let fidCount = Atomic(0)

    /// - Throws: the errno of opening `path` as a directory; the administrator's fault.
    public init(name: String, path: String, policy: Policy = Policy()) throws(Errno) {
        (self.name, self.path, self.policy) = (name, path, policy)
        root = try Node(OwnedDescriptor.root(at: path))
    }
}
