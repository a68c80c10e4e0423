import LinuxSystem
import Logging
import NineP
import Synchronization
import SystemPackage

/// version, attach, walk, clunk: how fids begin and end.
extension NinePSession {
    /// The reply to Tversion.
    func agree(_ job: Job) -> [UInt8] {
        guard case .version(let wanted, let version) = job.request else { return [] }
        messageSize.store(0, ordering: .relaxed)
        guard version == Protocol9P.version else {
            return Reply.version(
                maximumMessageSize: min(wanted, carrierMessageSize), version: Protocol9P.unknownVersion
            ).encoded(tag: job.tag)
        }
        guard wanted >= Protocol9P.minimumMessageSize else {
            logger.info("msize \(wanted) refused; at least \(Protocol9P.minimumMessageSize) is needed")
            return Reply.error(code: UInt32(Errno.invalidArgument.rawValue)).encoded(tag: job.tag)
        }
        let agreed = min(wanted, carrierMessageSize)
        messageSize.store(agreed, ordering: .relaxed)
        return Reply.version(maximumMessageSize: agreed, version: version).encoded(tag: job.tag)
    }

    func attach(_ fid: Fid, to tree: Name, userNumber: UInt32, name: Name) throws(Errno) -> Reply {
        try fids.requireUnused(fid)
        let export = try server.export(named: tree)
        let identity: UserIdentity
        do throws(Errno) {
            identity = try server.accounts.identity(userNumber: userNumber, name: name, trust: trust)
        } catch {
            logger.notice(
                "attach refused",
                metadata: [
                    "user": "\(userNumber) '\(name)'", "export": "\(export.name)", "error": "\(error)",
                ])
            throw error
        }
        let qid = try server.qids.qid(of: export.root)
        try fids.insert(FidEntry(Attachment(export, as: identity), .path(export.root), path: []), as: fid)
        logger.info("attached", metadata: ["user": "\(identity.user)", "export": "\(export.name)"])
        return .attach(qid: qid)
    }

    func walk(_ fid: Fid, to newFid: Fid, _ names: [Name], on worker: Worker) throws(Errno) -> Reply {
        let entry = try fids.entry(fid)
        if newFid != fid { try fids.requireUnused(newFid) }
        // An open directory may be walked from, but not to.
        var node = try newFid == fid && !names.isEmpty ? entry.unopenedNode() : entry.node()
        var path = entry.path
        var qids: [Qid] = []
        try worker.act(as: entry.attachment.identity)
        for name in names {
            do throws(Errno) {
                let (next, status) = try step(from: node, to: name, in: entry.attachment, on: worker)
                qids.append(try server.qids.qid(of: status))
                node = next
                path = path?.walked(to: name)
            } catch {
                // The first name's failure is the walk's; a later one's shows in the count, and newFid is untouched.
                guard !qids.isEmpty else { throw error }
                return .walk(qids: qids)
            }
        }
        let walked = FidEntry(entry.attachment, .path(node), path: path)
        if newFid != fid {
            try fids.insert(walked, as: newFid)
        } else if !names.isEmpty {
            entry.become(.path(node))
            entry.moved(to: path)
        }
        return .walk(qids: qids)
    }

    private func step(
        from node: Node, to name: Name, in attachment: Attachment, on worker: Worker
    ) throws(Errno) -> (Node, FileStatus) {
        try node.requireDirectory()
        if name.isParent {
            let parent = try parent(of: node, in: attachment, on: worker)
            return (parent, try parent.descriptor.status())
        }
        let name = try FileName(untrusted: name.bytes)
        let child = try node.descriptor.child(name, crossMounts: attachment.export.policy.crossesMounts)
        let status = try child.status()
        return (Node(child, status), status)
    }

    /// The directory above, but never one above the export's root. A local user may have moved `node` out of the
    /// export: so the way up from its parent must lead through the root.
    private func parent(of node: Node, in attachment: Attachment, on worker: Worker) throws(Errno) -> Node {
        let root = attachment.root
        guard !node.isSamePlace(as: root) else { return root }
        let crosses = attachment.export.policy.crossesMounts
        let parent = try Node(node.descriptor.parent(crossMounts: crosses))
        try worker.actAsServer()
        var place = parent
        while !place.isSamePlace(as: root) {
            let above = try Node(place.descriptor.parent(crossMounts: crosses))
            guard !above.isSamePlace(as: place) else { throw .improperLink }
            place = above
        }
        try worker.act(as: attachment.identity)
        return parent
    }

    /// The fid is gone whatever becomes of an attribute it was writing.
    func clunk(_ fid: Fid, on worker: Worker) throws(Errno) -> Reply {
        let entry = try fids.remove(fid)
        releaseLocks(of: entry, on: worker)
        if case .xattrChange(let change) = entry.current {
            try worker.act(as: entry.attachment.identity)
            try apply(change, entry, on: worker)
        }
        return .clunk
    }

    /// Unlinks the file where it is now; the fid is gone even if that fails.
    func remove(_ fid: Fid, on worker: Worker) throws(Errno) -> Reply {
        let entry = try fids.remove(fid)
        releaseLocks(of: entry, on: worker)
        if worker.request?.isApplied == true { return .remove }
        let node = try entry.node()
        try entry.requireChangeable()
        try worker.act(as: entry.attachment.identity)
        let place = try Place(of: node, lastAt: entry.path, in: entry.attachment)
        try worker.once(removing(place.name, in: place.directory, place.path, entry)) { () throws(Errno) in
            try place.directory.descriptor.unlink(place.name, isDirectory: node.kind == .directory)
        }
        server.qids.noteChange(of: place.directory)
        return .remove
    }

    /// Lets go of everything the client had; attributes not yet clunked are dropped.
    func endAllFids(on worker: Worker) {
        for entry in fids.removeAll() { releaseLocks(of: entry, on: worker) }
    }
}

extension Name {
    fileprivate var isParent: Bool {
        bytes.count == 2 && bytes[0] == UInt8(ascii: ".") && bytes[1] == UInt8(ascii: ".")
    }
}

extension [UInt8] {
    /// The path of `name` in the directory of this one, which `..` leads up from, but never out.
    fileprivate func walked(to name: Name) -> [UInt8] {
        guard name.isParent else { return appending(name: name.bytes) }
        return lastIndex(of: UInt8(ascii: "/")).map { Array(self[..<$0]) } ?? []
    }
}
