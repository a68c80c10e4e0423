import LinuxSystem
import NineP
import SystemPackage

/// The type of a new file, as a mode says it.
enum TypeBits: UInt64 {
    case directory = 0o040000
    case regular = 0o100000
    case symbolicLink = 0o120000
    case pipe = 0o010000
    case socket = 0o140000
    case characterDevice = 0o020000
    case blockDevice = 0o060000

    /// Of a mknod, whose mode was checked: none means a regular file.
    init(ofNode mode: UInt32) { self = TypeBits(rawValue: UInt64(mode & 0o170000)) ?? .regular }
}

/// What requests are about to do, in a journal's words.
extension NinePSession {
    func record(of node: Node, _ entry: FidEntry) -> FileRecord { record(of: node, entry, at: entry.path) }

    private func record(of node: Node, _ entry: FidEntry, at path: [UInt8]?) -> FileRecord {
        FileRecord(
            node, in: entry.attachment.export, path: path, withHandle: journal?.usesHandles ?? false)
    }

    func making(_ name: FileName, _ type: TypeBits, in directory: Node, _ entry: FidEntry) -> Effect {
        Effect(
            .making, [(directory, record(of: directory, entry))], names: [name.bytes],
            numbers: [type.rawValue, UInt64(entry.attachment.identity.user)])
    }

    func removing(_ name: FileName, in directory: Node, _ path: [UInt8]?, _ entry: FidEntry) -> Effect {
        Effect(.removing, [(directory, record(of: directory, entry, at: path))], names: [name.bytes])
    }

    func renaming(
        _ name: FileName, in old: Node, _ oldPath: [UInt8]?, to newName: FileName, in new: Node,
        _ entry: FidEntry
    ) -> Effect {
        Effect(
            .renaming, [(old, record(of: old, entry, at: oldPath)), (new, record(of: new, entry))],
            names: [name.bytes, newName.bytes])
    }

    /// A rename was made: fids of what it moved are told when its reply is written down.
    func noteRenamed(_ old: [UInt8]?, _ new: [UInt8]?, _ entry: FidEntry, on worker: Worker) {
        guard let old, let new else { return }
        worker.request?.renamedPath = (entry.attachment.export, old, new)
    }
}
