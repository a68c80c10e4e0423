import LinuxSystem
import NineP
import SystemPackage

/// symlink, mknod, mkdir, link, rename, renameat and unlinkat.
extension NinePSession {
    func changeNames(_ request: Request, on worker: Worker) throws(Errno) -> Reply {
        switch request {
        case .symlink(let fid, let name, let target, let group):
            let target = try KernelText(untrusted: target.bytes, maximumByteCount: 4095)
            let new = newFile(mode: 0o777, group: group)
            return .symlink(
                qid: try make(name, .symbolicLink, in: fid, new, on: worker) {
                    directory, name throws(Errno) in
                    try directory.makeSymbolicLink(name, to: target)
                })
        case .mkdir(let fid, let name, let mode, let group):
            let new = newFile(mode: mode, group: group)
            return .mkdir(
                qid: try make(name, .directory, in: fid, new, on: worker) { directory, name throws(Errno) in
                    try directory.makeDirectory(name, mode: new.permissions)
                })
        case .mknod(let fid, let name, let mode, let major, let minor, let group):
            try requireAllowedNode(fid, mode: mode)
            return .mknod(
                qid: try make(
                    name, TypeBits(ofNode: mode), in: fid, newFile(mode: mode, group: group), on: worker
                ) {
                    directory, name throws(Errno) in
                    try directory.makeNode(name, mode: mode & 0o177777, major: major, minor: minor)
                })
        case .link(let directory, let fid, let name): return try link(fid, in: directory, name, on: worker)
        case .rename(let fid, let directory, let name):
            return try rename(fid, to: directory, name, on: worker)
        case .renameat(let old, let oldName, let new, let newName):
            return try rename(in: old, oldName, to: new, newName, on: worker)
        case .unlinkat(let fid, let name, let flags): return try unlink(in: fid, name, flags, on: worker)
        default: preconditionFailure("changes no names")
        }
    }

    private func make(
        _ name: Name, _ type: TypeBits, in fid: Fid, _ new: NewFile, on worker: Worker,
        _ body: (borrowing OwnedDescriptor, FileName) throws(Errno) -> Void
    ) throws(Errno) -> Qid {
        let entry = try fids.entry(fid)
        let directory = try entry.changeableDirectory()
        let name = try FileName(untrusted: name.bytes)
        try worker.act(as: owner(of: new, entry))
        try worker.once(making(name, type, in: directory, entry)) { () throws(Errno) in
            try body(directory.descriptor, name)
        }
        server.qids.noteChange(of: directory)
        let child = try directory.descriptor.child(name, crossMounts: true)
        let status = try child.status()
        _ = try giveGroup(new, to: Node(child, status), entry)
        return try server.qids.qid(of: status)
    }

    /// FIFOs, sockets and regular files always; devices only where the export says so.
    private func requireAllowedNode(_ fid: Fid, mode: UInt32) throws(Errno) {
        let entry = try fids.entry(fid)
        switch mode & 0o170000 {
        case 0, 0o100000, 0o010000, 0o140000: break
        case 0o020000, 0o060000:
            try entry.requireChangeable()
            guard entry.attachment.export.policy.allowsDeviceNodes else { throw .notPermitted }
        default: throw .invalidArgument
        }
    }

    private func link(_ fid: Fid, in directoryFid: Fid, _ name: Name, on worker: Worker) throws(Errno)
        -> Reply
    {
        let (entry, file) = (try fids.entry(directoryFid), try fids.entry(fid))
        let directory = try entry.changeableDirectory()
        try requireSameExport(entry, file)
        let name = try FileName(untrusted: name.bytes)
        try worker.act(as: entry.attachment.identity)
        let node = try file.node()
        let effect = Effect(
            .linking, [(directory, record(of: directory, entry)), (node, record(of: node, file))],
            names: [name.bytes])
        try worker.once(effect) { () throws(Errno) in
            try directory.descriptor.link(name, to: node.descriptor)
        }
        server.qids.noteChange(of: directory)
        return .link
    }

    private func rename(_ fid: Fid, to directoryFid: Fid, _ name: Name, on worker: Worker) throws(Errno)
        -> Reply
    {
        let (file, entry) = (try fids.entry(fid), try fids.entry(directoryFid))
        let directory = try entry.changeableDirectory()
        try requireSameExport(entry, file)
        let name = try FileName(untrusted: name.bytes)
        try worker.act(as: entry.attachment.identity)
        let old = try Place(of: file.node(), lastAt: file.path, in: file.attachment)
        try worker.once(
            renaming(old.name, in: old.directory, old.path, to: name, in: directory, entry)
        ) { () throws(Errno) in
            try old.directory.descriptor.rename(old.name, to: name, in: directory.descriptor)
        }
        noteRenamed(old.path.appending(name: old.name.bytes), entry.path(of: name), entry, on: worker)
        server.qids.noteChange(of: old.directory)
        server.qids.noteChange(of: directory)
        return .rename
    }

    private func rename(
        in oldFid: Fid, _ oldName: Name, to newFid: Fid, _ newName: Name, on worker: Worker
    ) throws(Errno) -> Reply {
        let (oldEntry, newEntry) = (try fids.entry(oldFid), try fids.entry(newFid))
        let (old, new) = (try oldEntry.changeableDirectory(), try newEntry.changeableDirectory())
        try requireSameExport(oldEntry, newEntry)
        let (oldName, newName) = (
            try FileName(untrusted: oldName.bytes), try FileName(untrusted: newName.bytes)
        )
        try worker.act(as: oldEntry.attachment.identity)
        try worker.once(
            renaming(oldName, in: old, oldEntry.path, to: newName, in: new, newEntry)
        ) { () throws(Errno) in try old.descriptor.rename(oldName, to: newName, in: new.descriptor) }
        noteRenamed(oldEntry.path(of: oldName), newEntry.path(of: newName), newEntry, on: worker)
        server.qids.noteChange(of: old)
        server.qids.noteChange(of: new)
        return .renameat
    }

    private func unlink(in fid: Fid, _ name: Name, _ flags: UnlinkFlags, on worker: Worker) throws(Errno)
        -> Reply
    {
        let entry = try fids.entry(fid)
        let directory = try entry.changeableDirectory()
        guard flags.isSubset(of: .removeDirectory) else { throw .invalidArgument }
        let name = try FileName(untrusted: name.bytes)
        try worker.act(as: entry.attachment.identity)
        try worker.once(removing(name, in: directory, entry.path, entry)) { () throws(Errno) in
            try directory.descriptor.unlink(name, isDirectory: flags.contains(.removeDirectory))
        }
        server.qids.noteChange(of: directory)
        return .unlinkat
    }

    /// Two attaches may stand for two exports and two users: nothing is moved between exports.
    private func requireSameExport(_ first: FidEntry, _ second: FidEntry) throws(Errno) {
        guard first.attachment.export === second.attachment.export else { throw .improperLink }
    }
}
