import FUSEMount
import NineP
import NinePClient
import SystemPackage

/// Looking up, linking, renaming and removing.
extension RemoteTree {
    /// What a name leads to, counted as looked up.
    struct Found {
        let node: Node
        let attributes: NineP.FileAttributes
    }

    func find(_ name: Name, in parent: Node, _ interruption: Interruption?) throws(SessionError) -> Found {
        let (fid, qids) = try parent.fid(interruption).walk([name], interruption)
        let attributes = try fid.attributes(interruption)
        guard let qid = qids.last else { throw .refused(.noSuchFileOrDirectory) }
        let place = Node.Place(directory: parent, name: name)
        let node = nodes.adopt(fid, qid, born: attributes.born, at: place)
        node.seen(attributes)
        return Found(node: node, attributes: attributes)
    }

    func reply(_ request: consuming FUSERequest, _ found: Result<Found, SessionError>) {
        switch found {
        case .success(let found):
            let entry = Entry(FUSEMount.FileAttributes(found.attributes, found.node.inode))
            if !request.reply(entry).isDelivered { nodes.forget(found.node.inode, count: 1) }
        case .failure(let error): request.fail(error.errno)
        }
    }

    func lookup(_ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber) {
        let found = attempt(request) { interruption throws(SessionError) in
            try find(Name(name), in: try node(parent), interruption)
        }
        reply(request, found)
    }

    func forget(_ inode: InodeNumber, count: UInt64) { nodes.forget(inode, count: count) }

    func makeLink(
        _ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber, to inode: InodeNumber
    ) {
        let found = attempt(request) { interruption throws(SessionError) in
            let (directory, file) = (try node(parent), try node(inode))
            let (into, linked) = (try directory.fid(interruption), try file.statusFid(interruption))
            let request = Request.link(directory: into.fid, fid: linked.fid, name: Name(name))
            _ = try session.call(request, interruption: interruption)
            let attributes = try file.attributes(interruption)
            file.countLookup()
            return Found(node: file, attributes: attributes)
        }
        reply(request, found)
    }

    func removeFile(_ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber) {
        remove(request, name, in: parent, [])
    }

    func removeDirectory(_ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber) {
        remove(request, name, in: parent, .removeDirectory)
    }

    private func remove(
        _ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber, _ flags: UnlinkFlags
    ) {
        attemptSuccess(request) { interruption throws(SessionError) in
            let directory = try node(parent).fid(interruption)
            let request = Request.unlinkat(directory: directory.fid, name: Name(name), flags: flags)
            try call(request, interruption, unless: olderServer) { () throws(SessionError) in
                // The fid is gone with the answer, whatever it is.
                let (file, _) = try directory.walk([Name(name)], interruption)
                try file.remove(interruption)
            }
        }
    }

    /// RENAME_NOREPLACE and RENAME_EXCHANGE are not in the protocol; programs fall back on EINVAL.
    func rename(
        _ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber, to newName: FileName,
        in newParent: InodeNumber, flags: UInt32
    ) {
        guard flags == 0 else {
            request.fail(.invalidArgument)
            return
        }
        attemptSuccess(request) { interruption throws(SessionError) in
            let (old, new) = (try node(parent).fid(interruption), try node(newParent).fid(interruption))
            let request = Request.renameat(
                oldDirectory: old.fid, oldName: Name(name), newDirectory: new.fid, newName: Name(newName))
            try call(request, interruption, unless: olderServer) { () throws(SessionError) in
                let (file, _) = try old.walk([Name(name)], interruption)
                let rename = Request.rename(fid: file.fid, directory: new.fid, name: Name(newName))
                _ = try session.call(rename, interruption: interruption)
            }
            moved(to: Name(newName), in: try node(newParent), interruption)
        }
    }

    /// The file is found by its new name from now on, should its fid be given up or the server forget it.
    private func moved(to name: Name, in directory: Node, _ interruption: Interruption) {
        do throws(SessionError) {
            let (fid, qids) = try directory.fid(interruption).walk([name], interruption)
            let place = Node.Place(directory: directory, name: name)
            if let qid = qids.last { nodes.moved(fid, qid, to: place) }
        } catch {
            // It is renamed all the same. Whoever finds nothing by the old name gets ESTALE, and looks the new one up.
        }
    }

    /// A request that servers older than Linux 3.1's protocol refuse (EOPNOTSUPP): these are asked the old way, at once when
    /// they have refused before.
    private func call(
        _ request: Request, _ interruption: Interruption, unless older: OlderServer,
        oldWay: () throws(SessionError) -> Void
    ) throws(SessionError) {
        guard !older.refuses(request.type) else { return try oldWay() }
        do throws(SessionError) {
            _ = try session.call(request, interruption: interruption)
        } catch {
            guard error == .refused(.notSupportedOnSocket) else { throw error }
            try oldWay()
            // Only now: the refusal may have been this one file's.
            older.hasRefused(request.type)
        }
    }
}
