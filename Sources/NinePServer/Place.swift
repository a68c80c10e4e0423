import LinuxSystem
import SystemPackage

/// Where a file is now: a directory beneath the export's root and its name in it. Only rename and remove need it,
/// whose fid says which file but not which of its names.
struct Place {
    let directory: Node
    /// The directory's, beneath the export.
    let path: [UInt8]
    let name: FileName

    /// - Parameter path: where it was seen last. It is there still, as a rule, and then nobody else need be asked.
    /// - Throws: `EBUSY` for the root, `ENOENT` for a file without a name in the export.
    init(of node: Node, lastAt path: [UInt8]?, in attachment: Attachment) throws(Errno) {
        if let path, let place = Place(of: node, stillAt: path, in: attachment.export) {
            self = place
        } else {
            try self.init(of: node, beneath: attachment.export)
        }
    }

    private init?(of node: Node, stillAt path: [UInt8], in export: Export) {
        let cut = path.lastIndex(of: UInt8(ascii: "/"))
        let directoryPath = cut.map { Array(path[..<$0]) } ?? []
        let nameStart = cut.map { $0 + 1 } ?? 0
        guard let name = try? FileName(untrusted: path[nameStart...]),
            let directory = try? Place.directory(at: directoryPath, in: export),
            let found = try? directory.descriptor.status(of: name), node.isSamePlace(as: found)
        else { return nil }
        (self.directory, self.path, self.name) = (directory, directoryPath, name)
    }

    private static func directory(at path: [UInt8], in export: Export) throws(Errno) -> Node {
        guard !path.isEmpty else { return export.root }
        return try Node(
            export.root.descriptor.descendant(path, crossMounts: export.policy.crossesMounts))
    }

    /// The kernel's current path is a hint: the way it names is walked again beneath the root, and must lead to
    /// the very file.
    init(of node: Node, beneath export: Export) throws(Errno) {
        guard !node.isSamePlace(as: export.root) else { throw .resourceBusy }
        let slash = UInt8(ascii: "/")
        let top = try export.root.descriptor.currentPath()
        let path = try node.descriptor.currentPath()
        let prefix = top.last == slash ? top : top + [slash]
        guard path.starts(with: prefix) else { throw .noSuchFileOrDirectory }
        let below = path.dropFirst(prefix.count)
        guard let cut = below.lastIndex(of: slash) else {
            try self.init(export.root, [], below, of: node, in: export)
            return
        }
        let directoryPath = Array(below[..<cut])
        let directory = try Node(
            export.root.descriptor.descendant(directoryPath, crossMounts: export.policy.crossesMounts))
        try self.init(directory, directoryPath, below[(cut + 1)...], of: node, in: export)
    }

    private init(
        _ directory: Node, _ path: [UInt8], _ name: ArraySlice<UInt8>, of node: Node, in export: Export
    ) throws(Errno) {
        (self.directory, self.path) = (directory, path)
        self.name = try FileName(untrusted: name)
        let found = try Node(
            directory.descriptor.child(self.name, crossMounts: export.policy.crossesMounts))
        guard found.isSamePlace(as: node) else { throw .noSuchFileOrDirectory }
    }
}
