import FUSEMount
import NineP
import NinePClient
import SystemPackage

/// Making files. The mode is masked already; the group is the caller's unless the directory hands down its own.
extension RemoteTree {
    func makeDirectory(
        _ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber, mode: UInt32
    ) {
        make(request, name, in: parent) { directory, group in
            .mkdir(directory: directory, name: Name(name), mode: mode, group: group)
        }
    }

    func makeSymbolicLink(
        _ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber, to target: FileName
    ) {
        make(request, name, in: parent) { directory, group in
            .symlink(directory: directory, name: Name(name), target: Name(target), group: group)
        }
    }

    func makeNode(
        _ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber, mode: UInt32,
        device: UInt64
    ) {
        guard mode & FileType.mask != FileType.regular else {
            makeRegularFile(request, name, in: parent, mode: mode)
            return
        }
        // ABI: the kernel's 32-bit device number, minor split around major.
        let major = UInt32(truncatingIfNeeded: device >> 8 & 0xFFF)
        let minor = UInt32(truncatingIfNeeded: device & 0xFF | device >> 12 & 0xF_FF00)
        make(request, name, in: parent) { directory, group in
            .mknod(
                directory: directory, name: Name(name), mode: mode, major: major, minor: minor, group: group)
        }
    }

    /// mknod(2) of an ordinary file: made exclusively, and closed again.
    private func makeRegularFile(
        _ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber, mode: UInt32
    ) {
        let caller = request.caller
        let found = attempt(request) { interruption throws(SessionError) in
            let directory = try node(parent)
            let fid = try directory.fid(interruption).clone(interruption)
            let (qid, _) = try session.create(
                Name(name), in: fid.fid, [.writeOnly, .exclusive, .create], mode: initialMode(mode),
                group: caller.group, interruption: interruption)
            let found = try find(Name(name), in: directory, interruption)
            guard found.node.origin == NodeTable.inode(of: qid) else { return found }
            return try give(found, mode: mode, to: caller, interruption)
        }
        reply(request, found)
    }

    private func make(
        _ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber,
        _ message: (_ directory: Fid, _ group: UInt32) -> Request
    ) {
        let caller = request.caller
        let found = attempt(request) { interruption throws(SessionError) in
            let directory = try node(parent)
            let fid = try directory.fid(interruption)
            let made = try session.call(message(fid.fid, caller.group), interruption: interruption).madeQid
            let found = try find(Name(name), in: directory, interruption)
            // Somebody may have put another file there meanwhile, which is not this caller's to have.
            guard let made, found.node.origin == NodeTable.inode(of: made) else { return found }
            return try give(found, mode: 0, to: caller, interruption)
        }
        reply(request, found)
    }

    /// The mode to make an ordinary file with: one that becomes somebody else's is never the server's user's and set-user-ID.
    private func initialMode(_ mode: UInt32) -> UInt32 {
        settings.allowsOthers ? mode & 0o7777 & ~SetIDBits.all : mode & 0o7777
    }

    /// Where others than the user who attached may make files, these become theirs, if the server allows that.
    ///
    /// - Parameter mode: whose set-user-ID and set-group-ID bits the file is to have at the end.
    private func give(
        _ found: Found, mode: UInt32, to caller: Caller, _ interruption: Interruption
    ) throws(SessionError) -> Found {
        guard settings.allowsOthers else { return found }
        var change = AttributeChange()
        if found.attributes.user != caller.user { (change.valid, change.user) = (.user, caller.user) }
        if SetIDBits.areIn(mode) {
            change.valid.insert(.mode)
            change.mode = found.attributes.mode & 0o7777 | mode & SetIDBits.all
        }
        guard !change.valid.isEmpty else { return found }
        let fid = try found.node.statusFid(interruption)
        do throws(SessionError) {
            try session.change(fid.fid, change, interruption: interruption)
            return Found(node: found.node, attributes: try found.node.attributes(by: fid, interruption))
        } catch {
            guard case .refused = error else { throw error }
            return found
        }
    }

    // MARK: Create and open at once

    func create(
        _ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber, mode: UInt32,
        file: OpenFile
    ) {
        let caller = request.caller
        let flags = OpenFlags(system: file.flags).union(.create)
        let created = attempt(request) { interruption throws(SessionError) in
            let directory = try node(parent)
            let open = try directory.fid(interruption).clone(interruption)
            let (qid, ioUnit) = try create(Name(name), open, flags, mode, for: caller, interruption)
            let made = try foundAfterCreation(Name(name), qid, in: directory, open, interruption)
            let handle = handles.add(made.node, open, flags, ioUnit: ioUnit)
            do throws(SessionError) {
                return (try give(made, mode: mode, to: caller, interruption), handle)
            } catch {
                _ = handles.remove(handle.number)
                throw error
            }
        }
        switch created {
        case .success((let found, let handle)):
            let entry = Entry(FUSEMount.FileAttributes(found.attributes, found.node.inode))
            let options: OpenReply.Options = settings.caching == .none ? .directIO : []
            guard request.reply(entry, OpenReply(handle: handle.number, options)).isDelivered else {
                _ = handles.remove(handle.number)
                nodes.forget(found.node.inode, count: 1)
                return
            }
        case .failure(let error): request.fail(error.errno)
        }
    }

    /// Where the kernel checks permissions, what somebody else has made since it looked must pass that check: ESTALE has it
    /// look again.
    private func create(
        _ name: Name, _ open: RemoteFid, _ flags: OpenFlags, _ mode: UInt32, for caller: Caller,
        _ interruption: Interruption
    ) throws(SessionError) -> (Qid, UInt32) {
        do throws(SessionError) {
            return try session.create(
                name, in: open.fid, settings.allowsOthers ? flags.union(.exclusive) : flags,
                mode: initialMode(mode), group: caller.group, interruption: interruption)
        } catch .refused(.fileExists) where !flags.contains(.exclusive) {
            throw .refused(.staleNFSFileHandle)
        }
    }

    /// The node of a file just made and open. Its name may lead elsewhere by now; then the open fid is cloned.
    private func foundAfterCreation(
        _ name: Name, _ qid: Qid, in directory: Node, _ open: RemoteFid, _ interruption: Interruption
    ) throws(SessionError) -> Found {
        let attributes = try open.attributes(interruption)
        let place = Node.Place(directory: directory, name: name)
        let node: Node
        // Whatever keeps the name from leading there, the open fid does.
        if let (fid, qids) = try? directory.fid(interruption).walk([name], interruption),
            qids.last?.path == qid.path
        {
            node = nodes.adopt(fid, qid, born: attributes.born, at: place)
        } else {
            node = nodes.adopt(try open.clone(interruption), qid, born: attributes.born, at: place)
        }
        node.seen(attributes)
        return Found(node: node, attributes: attributes)
    }
}

/// The type bits of a mode (S_IFMT).
enum FileType {
    static let mask: UInt32 = 0o170000
    static let regular: UInt32 = 0o100000
    static let directory: UInt32 = 0o040000
}

extension Reply {
    /// The file that mkdir, symlink or mknod made.
    fileprivate var madeQid: Qid? {
        switch self {
        case .mkdir(let qid), .symlink(let qid), .mknod(let qid): qid
        default: nil
        }
    }
}
