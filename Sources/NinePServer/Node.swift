import LinuxSystem
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

    init(_ descriptor: consuming OwnedDescriptor) throws(Errno) {
        let status = try descriptor.status()
        self.descriptor = descriptor
        kind = status.kind
        identity = Identity(device: status.device, inode: status.inode)
        mount = status.mount
        born = status.bornNanoseconds
    }

    func isSamePlace(as other: Node) -> Bool { identity == other.identity && mount == other.mount }

    func requireDirectory() throws(Errno) {
        guard kind == .directory else { throw .notDirectory }
    }
}
