public import NineP
internal import SystemPackage

// One method a message. Each throws as `call` does; the reply is known to fit what was asked.
extension Session {
    /// The most bytes one read asks for.
    public var maximumReadByteCount: Int { Int(maximumMessageSize) - Protocol9P.readReplyHeaderByteCount }
    /// The most bytes one write carries.
    public var maximumWriteByteCount: Int { Int(maximumMessageSize) - Protocol9P.writeRequestHeaderByteCount }

    /// - Parameter tree: aname.
    public func attach(
        _ fid: Fid, user: Name, userNumber: UInt32, tree: Name, within limit: Duration? = nil
    ) throws(SessionError) -> Qid {
        let request = Request.attach(fid: fid, authFid: .none, user: user, tree: tree, userNumber: userNumber)
        guard case .attach(let qid) = try call(request, within: limit ?? limits.meeting) else {
            throw unexpected()
        }
        return qid
    }

    /// Walks `names` from `fid`; `newFid` exists only on success. No names makes a clone.
    ///
    /// - Throws: `.refused(ENOENT)` also when only the first few names led somewhere.
    public func walk(
        _ fid: Fid, to newFid: Fid, _ names: [Name], interruption: Interruption? = nil
    ) throws(SessionError) -> [Qid] {
        let reply = try call(.walk(fid: fid, newFid: newFid, names: names), interruption: interruption)
        guard case .walk(let qids) = reply else { throw unexpected() }
        guard qids.count == names.count else { throw .refused(.noSuchFileOrDirectory) }
        return qids
    }

    public func open(
        _ fid: Fid, _ flags: OpenFlags, interruption: Interruption? = nil
    ) throws(SessionError) -> (qid: Qid, ioUnit: UInt32) {
        guard
            case .lopen(let qid, let ioUnit) = try call(
                .lopen(fid: fid, flags: flags), interruption: interruption)
        else { throw unexpected() }
        return (qid, ioUnit)
    }

    /// `fid`, a directory, becomes the new file, open.
    public func create(
        _ name: Name, in fid: Fid, _ flags: OpenFlags, mode: UInt32, group: UInt32,
        interruption: Interruption? = nil
    ) throws(SessionError) -> (qid: Qid, ioUnit: UInt32) {
        let request = Request.lcreate(fid: fid, name: name, flags: flags, mode: mode, group: group)
        guard case .lcreate(let qid, let ioUnit) = try call(request, interruption: interruption) else {
            throw unexpected()
        }
        return (qid, ioUnit)
    }

    /// The fid is gone whatever the answer.
    public func clunk(_ fid: Fid, interruption: Interruption? = nil) throws(SessionError) {
        _ = try call(.clunk(fid: fid), interruption: interruption)
    }

    /// Entries from cookie `offset` on, as many as fit `byteCount`; none at the end.
    public func readDirectory(
        _ fid: Fid, at offset: UInt64, byteCount: Int, interruption: Interruption? = nil
    ) throws(SessionError) -> [DirectoryEntry] {
        let request = Request.readdir(fid: fid, offset: offset, count: UInt32(byteCount))
        guard case .readdir(let payload) = try call(request, interruption: interruption) else {
            throw unexpected()
        }
        do {
            return try DirectoryEntry.decode(untrusted: payload)
        } catch {
            let ending = Ending.violation("a directory listing that is not whole: \(error)")
            end(ending)
            throw .ended(ending)
        }
    }

    public func attributes(
        of fid: Fid, _ mask: AttributeMask = .basic, interruption: Interruption? = nil
    ) throws(SessionError) -> FileAttributes {
        guard
            case .getattr(let attributes) = try call(
                .getattr(fid: fid, mask: mask), interruption: interruption)
        else { throw unexpected() }
        return attributes
    }

    public func change(
        _ fid: Fid, _ change: AttributeChange, interruption: Interruption? = nil
    ) throws(SessionError) {
        _ = try call(.setattr(fid: fid, change: change), interruption: interruption)
    }

    public func statistics(of fid: Fid, interruption: Interruption? = nil) throws(SessionError)
        -> FileSystemStatistics
    {
        guard case .statfs(let statistics) = try call(.statfs(fid: fid), interruption: interruption) else {
            throw unexpected()
        }
        return statistics
    }

    public func synchronize(_ fid: Fid, dataOnly: Bool, interruption: Interruption? = nil)
        throws(SessionError)
    {
        _ = try call(.fsync(fid: fid, dataOnly: dataOnly), interruption: interruption)
    }

    public func readLink(_ fid: Fid, interruption: Interruption? = nil) throws(SessionError) -> Name {
        guard case .readlink(let target) = try call(.readlink(fid: fid), interruption: interruption) else {
            throw unexpected()
        }
        return target
    }

    /// How many bytes the value has that `newFid` then reads; an empty name lists the names.
    public func walkXattr(
        _ fid: Fid, to newFid: Fid, _ name: Name, interruption: Interruption? = nil
    ) throws(SessionError) -> UInt64 {
        let request = Request.xattrwalk(fid: fid, newFid: newFid, name: name)
        guard case .xattrwalk(let size) = try call(request, interruption: interruption) else {
            throw unexpected()
        }
        return size
    }

    public func lock(
        _ fid: Fid, _ lock: FileLock, _ flags: FileLock.Flags = [], interruption: Interruption? = nil
    ) throws(SessionError) -> FileLock.Status {
        let request = Request.lock(fid: fid, lock: lock, flags: flags)
        guard case .lock(let status) = try call(request, interruption: interruption) else {
            throw unexpected()
        }
        return status
    }

    /// Kind `.unlock` when nothing stands in the way, else the lock that does.
    public func conflict(
        with lock: FileLock, on fid: Fid, interruption: Interruption? = nil
    ) throws(SessionError) -> FileLock {
        guard case .getlock(let found) = try call(.getlock(fid: fid, lock: lock), interruption: interruption)
        else {
            throw unexpected()
        }
        return found
    }
}
