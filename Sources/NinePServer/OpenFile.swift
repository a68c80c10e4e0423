import LinuxSystem
import Synchronization
import SystemPackage

/// A file or directory opened through a fid: one open file description, closed when the last request that uses it
/// has ended, however early its fid was clunked.
final class OpenFile: Sendable {
    let description: OwnedDescriptor
    let access: DataAccess
    let isDirectory: Bool
    /// Where the description of a directory stands, `nil` when unknown; held while entries are read.
    let directoryPosition = Mutex<Int64?>(0)

    init(_ description: consuming OwnedDescriptor, access: DataAccess, isDirectory: Bool) {
        self.description = description
        (self.access, self.isDirectory) = (access, isDirectory)
    }

    var canRead: Bool { !access.contains(.writeOnly) }
    var canWrite: Bool { access.contains(.writeOnly) || access.contains(.readWrite) }
}
