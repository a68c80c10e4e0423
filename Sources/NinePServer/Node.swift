import LinuxSystem
import Synchronization
import SystemPackage

/// One file of the exported tree, named by an O_PATH descriptor: renames and unlinks elsewhere leave it valid.
final class Node: Sendable {
    /// Which inode, on which device.
    struct Identity: Hashable, Sendable {
        let device: UInt64
        let inode: UInt64
    }

    let descriptor: OwnedDescriptor
    /// Never changes for an inode.
    let kind: FileStatus.Kind
    let identity: Identity
    /// Which mount it was reached through.
    let mount: UInt64
    /// Nanoseconds since 1970; zero where the file system keeps no births.
    let born: Int64
    /// `nil` while nobody has asked for it.
    private let knownHandle = Mutex<FileHandle??>(nil)

    convenience init(_ descriptor: consuming OwnedDescriptor) throws(Errno) {
        let status = try descriptor.status()
        self.init(descriptor, status)
    }

    /// - Parameter status: the descriptor's.
    init(_ descriptor: consuming OwnedDescriptor, _ status: FileStatus) {
        self.descriptor = descriptor
        kind = status.kind
        identity = Identity(device: status.device, inode: status.inode)
        mount = status.mount
        born = status.bornNanoseconds
    }

    /// What root finds the inode by again, whatever becomes of its names; `nil` where there is no such thing. Asked of
    /// the kernel once: it never changes.
    var handle: FileHandle? {
        knownHandle.withLock { known in
            if let known { return known }
            let handle = try? descriptor.fileHandle()
            known = .some(handle)
            return handle
        }
    }

    func isSamePlace(as other: Node) -> Bool { identity == other.identity && mount == other.mount }

    func isSamePlace(as status: FileStatus) -> Bool {
        identity.inode == status.inode && identity.device == status.device && mount == status.mount
    }

    func requireDirectory() throws(Errno) {
        guard kind == .directory else { throw .notDirectory }
    }
}
