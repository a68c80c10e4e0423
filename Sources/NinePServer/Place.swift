import LinuxSystem
import SystemPackage

/// Where a file is now: a directory beneath the export's root and its name in it. Only rename and remove need it,
/// whose fid says which file but not which of its names.
struct Place {
    let directory: Node
    let name: FileName

    /// The kernel's current path is a hint: the way it names is walked again beneath the root, and must lead to
    /// the very file.
    ///
    /// - Throws: `EBUSY` for the root, `ENOENT` for a file without a name in the export.
    init(of node: Node, in attachment: Attachment) throws(Errno) {
        guard !node.isSamePlace(as: attachment.root) else { throw .resourceBusy }
        let slash = UInt8(ascii: "/")
        let top = try attachment.root.descriptor.currentPath()
        let path = try node.descriptor.currentPath()
        let prefix = top.last == slash ? top : top + [slash]
        guard path.starts(with: prefix) else { throw .noSuchFileOrDirectory }
        let below = path.dropFirst(prefix.count)
        guard let cut = below.lastIndex(of: slash) else {
            try self.init(attachment.root, below, of: node, in: attachment)
            return
        }
        let directory = try Node(
            attachment.root.descriptor.descendant(
                Array(below[..<cut]), crossMounts: attachment.export.policy.crossesMounts))
        try self.init(directory, below[(cut + 1)...], of: node, in: attachment)
    }

    private init(
        _ directory: Node, _ name: ArraySlice<UInt8>, of node: Node, in attachment: Attachment
    ) throws(Errno) {
        self.directory = directory
        self.name = try FileName(untrusted: name)
        let found = try Node(
            directory.descriptor.child(self.name, crossMounts: attachment.export.policy.crossesMounts))
        guard found.isSamePlace(as: node) else { throw .noSuchFileOrDirectory }
    }
}
