import LinuxSystem
import NineP
import SystemPackage

/// What a new file is to be: permission bits already masked by the client, and its group.
struct NewFile {
    let mode: UInt32
    /// `nil` where the client's group has no number here.
    let group: UInt32?

    var permissions: UInt32 { mode & 0o7777 }
}

/// lopen and lcreate.
extension NinePSession {
    func open(_ fid: Fid, _ flags: OpenFlags, on worker: Worker) throws(Errno) -> Reply {
        let entry = try fids.entry(fid)
        let node = try entry.unopenedNode()
        let access = try DataAccess(flags, on: entry)
        try worker.act(as: entry.attachment.identity)
        let file = try openFile(node, access)
        let qid = try server.qids.qid(of: node)
        entry.become(.open(node, file))
        return .lopen(qid: qid, ioUnit: 0)
    }

    /// Opens a file or directory. Nothing else: a FIFO could block for ever, a device do anything.
    private func openFile(_ node: Node, _ access: DataAccess) throws(Errno) -> OpenFile {
        switch node.kind {
        case .regular, .directory: break
        case .symbolicLink: throw .tooManySymbolicLinkLevels
        case .special: throw .noSuchAddressOrDevice
        }
        // The kind was read from the very inode that is opened now, and an inode's kind never changes.
        let file = OpenFile(
            try node.descriptor.reopened(access), access: access, isDirectory: node.kind == .directory)
        if access.contains(.truncate) { server.qids.noteChange(of: node) }
        return file
    }

    func create(
        in fid: Fid, _ name: Name, _ flags: OpenFlags, _ new: NewFile, on worker: Worker
    ) throws(Errno) -> Reply {
        let entry = try fids.entry(fid)
        let directory = try entry.unopenedNode()
        try entry.requireChangeable()
        try directory.requireDirectory()
        let name = try FileName(untrusted: name.bytes)
        let access = try DataAccess(flags, on: entry)
        let path = entry.path(of: name)
        let (node, file, known) = try makeOrOpen(
            name, in: directory, access, isExclusive: flags.contains(.exclusive), new, entry, worker)
        let qid =
            if let known { try server.qids.qid(of: known) } else { try server.qids.qid(of: node) }
        entry.become(.open(node, file))
        entry.moved(to: path)
        return .lcreate(qid: qid, ioUnit: 0)
    }

    /// Either makes the file, or opens the one there is after a look at its kind: the kernel's O_CREAT alone would
    /// open a FIFO of that name. Somebody else may make and remove it between the two, so it is tried some times.
    ///
    /// - Returns: the file, open, and what is known of it where nothing was done to it since.
    private func makeOrOpen(
        _ name: FileName, in directory: Node, _ access: DataAccess, isExclusive: Bool, _ new: NewFile,
        _ entry: FidEntry, _ worker: Worker
    ) throws(Errno) -> (Node, OpenFile, FileStatus?) {
        for _ in 0..<16 {
            do throws(Errno) {
                return try make(name, in: directory, access, new, entry, worker)
            } catch .fileExists where !isExclusive {
                do throws(Errno) {
                    try worker.act(as: entry.attachment.identity)
                    let crosses = entry.attachment.export.policy.crossesMounts
                    let node = try Node(directory.descriptor.child(name, crossMounts: crosses))
                    guard node.kind != .directory else { throw Errno.isDirectory }
                    return (node, try openFile(node, access), nil)
                } catch .noSuchFileOrDirectory { continue }
            }
        }
        throw .resourceTemporarilyUnavailable
    }

    private func make(
        _ name: FileName, in directory: Node, _ access: DataAccess, _ new: NewFile, _ entry: FidEntry,
        _ worker: Worker
    ) throws(Errno) -> (Node, OpenFile, FileStatus?) {
        try worker.act(as: owner(of: new, entry))
        if let request = worker.request,
            try request.prepare(making(name, .regular, in: directory, entry)) == .applied
        {
            // An earlier process made it. The mode may keep its own owner out, who had it open all the same.
            try worker.actAsServer()
            let node = try Node(directory.descriptor.child(name, crossMounts: false))
            let file = try OpenFile(reopening: node, access)
            _ = try giveGroup(new, to: node, entry)
            return (node, file, nil)
        }
        let description = try directory.descriptor.create(name, access, mode: new.permissions)
        server.qids.noteChange(of: directory)
        let (node, status) = try self.node(of: description, calledLast: name, in: directory)
        let isChanged = try giveGroup(new, to: node, entry)
        let file = OpenFile(description, access: access, isDirectory: false)
        return (node, file, isChanged ? nil : status)
    }

    func newFile(mode: UInt32, group: UInt32) -> NewFile {
        NewFile(mode: mode, group: server.accounts.map.serverGroup(of: group))
    }

    /// By its name, as a rule: the way from a descriptor to its inode costs as much as making the file did.
    private func node(
        of description: borrowing OwnedDescriptor, calledLast name: FileName, in directory: Node
    ) throws(Errno) -> (Node, FileStatus) {
        let made = try description.status()
        if let child = try? directory.descriptor.child(name, crossMounts: false),
            let status = try? child.status(), status.inode == made.inode, status.device == made.device
        {
            return (Node(child, status), status)
        }
        return (try Node(description.reopenedAsPath()), made)
    }

    /// Whom a new file belongs to: the fid's user, with the group asked for if that user is in it.
    func owner(of new: NewFile, _ entry: FidEntry) -> UserIdentity {
        let identity = entry.attachment.identity
        guard let group = new.group, group != identity.group, identity.isMember(of: group) else {
            return identity
        }
        let others =
            identity.groups.contains(identity.group) ? identity.groups : identity.groups + [identity.group]
        return UserIdentity(user: identity.user, group: group, groups: others)
    }

    /// Where this process cannot become the owner (it is not root's), the group is given afterwards, unless the
    /// directory decides it (set-group-ID) or the mode would suffer.
    ///
    /// - Returns: whether that changed anything.
    func giveGroup(_ new: NewFile, to node: Node, _ entry: FidEntry) throws(Errno) -> Bool {
        let identity = entry.attachment.identity
        guard let group = new.group, !server.accounts.becomesUsers, group != identity.group,
            identity.isMember(of: group), new.permissions & 0o6000 == 0
        else { return false }
        let status = try node.descriptor.status()
        guard status.group == identity.group else { return false }
        try node.descriptor.changeOwner(user: nil, group: group)
        return true
    }
}

extension DataAccess {
    /// This machine's flags for the protocol's. O_DIRECT is dropped (any offset and length must do), as are flags
    /// about names, which a fid no longer has.
    ///
    /// - Throws: `EINVAL` for no access at all, `EOPNOTSUPP` for O_TMPFILE, `EROFS` on a read-only export.
    init(_ flags: OpenFlags, on entry: FidEntry) throws(Errno) {
        guard flags.rawValue & 0o20000000 == 0 else { throw .notSupportedOnSocket }
        switch flags.access {
        case .readOnly: self = .readOnly
        case .writeOnly: self = .writeOnly
        case .readWrite: self = .readWrite
        default: throw .invalidArgument
        }
        if flags.contains(.truncate) { insert(.truncate) }
        if self != .readOnly { try entry.requireChangeable() }
        if flags.contains(.append) { insert(.append) }
        if flags.contains(.nonBlocking) { insert(.nonBlocking) }
        if flags.contains(.sync) { insert(.sync) }
        if flags.contains(.dataSync) { insert(.dataSync) }
        if flags.contains(.directory) { insert(.directory) }
    }
}
