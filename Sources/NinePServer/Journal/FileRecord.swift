import LinuxSystem
import SystemPackage

/// How to find a file again in another process: which inode, and where it was.
struct FileRecord: Hashable, Sendable {
    let export: String
    /// Beneath the export's root, without a slash in front; `nil` where nobody knows.
    var path: [UInt8]?
    let identity: Node.Identity
    /// Inode numbers are used again, but not with the same birth; zero where the file system keeps none.
    let born: Int64
    /// Root finds the inode by it whatever became of its names.
    let handle: FileHandle?

    init(_ node: Node, in export: Export, path: [UInt8]?, withHandle: Bool) {
        self.export = export.name
        self.path = path
        (identity, born) = (node.identity, node.born)
        // Without one, as on a file system that has none, the file is found by its path.
        handle = withHandle ? node.handle : nil
    }

    /// The very file, beneath its export. Why one way to it fails does not matter: the next is tried.
    ///
    /// - Throws: `ESTALE` when it cannot be reached there any more.
    func find(among exports: [Export]) throws(Errno) -> (node: Node, path: [UInt8]?) {
        guard let export = exports.first(where: { $0.name == self.export }) else {
            throw .staleNFSFileHandle
        }
        if let path {
            if let node = try? node(at: path, in: export), isMet(by: node) { return (node, path) }
            if let found = foundBeside(path, in: export) { return found }
        }
        if let handle, let found = found(by: handle, in: export) { return found }
        throw .staleNFSFileHandle
    }

    private func isMet(by node: Node) -> Bool { node.identity == identity && node.born == born }

    /// Component by component beneath the root, in pieces the kernel takes.
    private func node(at path: [UInt8], in export: Export) throws(Errno) -> Node {
        var node = export.root
        var rest = path[...]
        while !rest.isEmpty {
            var piece = rest.prefix(FileRecord.pieceByteCount)
            if piece.count < rest.count {
                guard let slash = piece.lastIndex(of: FileRecord.slash) else { throw .fileNameTooLong }
                piece = piece[..<slash]
            }
            node = try Node(
                node.descriptor.descendant(Array(piece), crossMounts: export.policy.crossesMounts))
            rest = rest[piece.endIndex...].drop { $0 == FileRecord.slash }
        }
        return node
    }

    /// A file renamed within its directory while nobody served it, where that directory is small.
    private func foundBeside(_ path: [UInt8], in export: Export) -> (node: Node, path: [UInt8]?)? {
        let parentPath = path.lastIndex(of: FileRecord.slash).map { Array(path[..<$0]) } ?? []
        guard !path.isEmpty, let parent = try? node(at: parentPath, in: export), parent.kind == .directory,
            let description = try? parent.descriptor.reopened([.readOnly, .directory]),
            var records = try? description.directoryRecords(capacity: FileRecord.searchByteCount)
        else { return nil }
        while let record = records.next() {
            guard record.inode == identity.inode,
                let name = try? FileName(untrusted: records.bytes[record.name]),
                let node = try? Node(
                    parent.descriptor.child(name, crossMounts: export.policy.crossesMounts)),
                isMet(by: node)
            else { continue }
            return (node, parentPath.appending(name: name.bytes))
        }
        return nil
    }

    /// It must lie in the export still, or nowhere any more: an unlinked file that somebody else has open.
    private func found(by handle: FileHandle, in export: Export) -> (node: Node, path: [UInt8]?)? {
        guard let node = try? Node(export.root.descriptor.file(of: handle)), isMet(by: node) else {
            return nil
        }
        if let place = try? Place(of: node, beneath: export) {
            return (node, place.path.appending(name: place.name.bytes))
        }
        let isUnlinked = (try? node.descriptor.status().linkCount) == 0
        return isUnlinked ? (node, nil) : nil
    }

    private static let slash = UInt8(ascii: "/")
    private static let pieceByteCount = 3072
    /// About two thousand entries.
    private static let searchByteCount = 1 << 16
}

extension FileRecord {
    init?(from reader: inout JournalReader) {
        guard let export = reader.takeBytes(), let hasPath = reader.takeFlag(), let path = reader.takeBytes(),
            let device = reader.take(UInt64.self), let inode = reader.take(UInt64.self),
            let born = reader.take(Int64.self), let type = reader.take(Int32.self),
            let handle = reader.takeBytes()
        else { return nil }
        self.export = String(decoding: export, as: UTF8.self)
        self.path = hasPath ? path : nil
        identity = Node.Identity(device: device, inode: inode)
        self.born = born
        self.handle = handle.isEmpty ? nil : FileHandle(type: type, bytes: handle)
    }

    func encode(into bytes: inout [UInt8]) {
        bytes.put(bytes: export.utf8)
        bytes.put(path != nil)
        bytes.put(bytes: path ?? [])
        bytes.put(identity.device)
        bytes.put(identity.inode)
        bytes.put(born)
        bytes.put(handle?.type ?? 0)
        bytes.put(bytes: handle?.bytes ?? [])
    }
}

extension [UInt8] {
    /// A path one name longer.
    func appending(name: [UInt8]) -> [UInt8] { isEmpty ? name : self + [UInt8(ascii: "/")] + name }

    /// This path after `old` was renamed to `new`: itself and what lies beneath it; `nil` when it is not concerned.
    func renamed(from old: [UInt8], to new: [UInt8]) -> [UInt8]? {
        guard starts(with: old), count == old.count || self[old.count] == UInt8(ascii: "/") else {
            return nil
        }
        return new + self[old.count...]
    }
}
