extension Request {
    /// Appends the request's frame to `bytes`.
    ///
    /// - Precondition: a walk has at most 16 names; a payload fits 32 bits.
    public func encode(tag: Tag, into bytes: inout [UInt8]) {
        var writer = FrameWriter(appendingTo: bytes.taken(), type: type.rawValue, tag: tag)
        put(into: &writer)
        bytes = writer.finish()
    }

    public func encoded(tag: Tag) -> [UInt8] {
        var bytes: [UInt8] = []
        encode(tag: tag, into: &bytes)
        return bytes
    }

    /// Appends all of a `write` but its payload, which the caller appends: `byteCount` bytes.
    public static func encodeWriteHeader(
        tag: Tag, fid: Fid, offset: UInt64, byteCount: Int, into bytes: inout [UInt8]
    ) {
        var writer = FrameWriter(appendingTo: bytes.taken(), type: RequestType.write.rawValue, tag: tag)
        writer.put(fid)
        writer.put(offset)
        writer.put(UInt32(byteCount))
        bytes = writer.finish(followedBy: byteCount)
    }

    private func put(into writer: inout FrameWriter) {
        switch self {
        case .version(let maximumMessageSize, let version):
            writer.put(maximumMessageSize)
            writer.put(version)
        case .auth(let authFid, let user, let tree, let userNumber):
            writer.put(authFid)
            writer.put(user)
            writer.put(tree)
            writer.put(userNumber)
        case .attach(let fid, let authFid, let user, let tree, let userNumber):
            writer.put(fid)
            writer.put(authFid)
            writer.put(user)
            writer.put(tree)
            writer.put(userNumber)
        case .flush(let oldTag): writer.put(oldTag.rawValue)
        case .walk(let fid, let newFid, let names): writer.putWalk(fid, newFid, names)
        case .read(let fid, let offset, let count), .readdir(let fid, let offset, let count):
            writer.put(fid)
            writer.put(offset)
            writer.put(count)
        case .write(let fid, let offset, let data):
            writer.put(fid)
            writer.put(offset)
            writer.put(payload: data)
        case .clunk(let fid), .remove(let fid), .statfs(let fid), .readlink(let fid): writer.put(fid)
        case .fsync(let fid, let dataOnly):
            writer.put(fid)
            writer.put(UInt32(dataOnly ? 1 : 0))
        case .lopen(let fid, let flags):
            writer.put(fid)
            writer.put(flags.rawValue)
        case .getattr, .setattr, .xattrwalk, .xattrcreate, .lock, .getlock: putAttribute(into: &writer)
        case .lcreate, .symlink, .mknod, .mkdir, .link, .rename, .renameat, .unlinkat:
            putNaming(into: &writer)
        }
    }

    private func putAttribute(into writer: inout FrameWriter) {
        switch self {
        case .getattr(let fid, let mask):
            writer.put(fid)
            writer.put(mask.rawValue)
        case .setattr(let fid, let change):
            writer.put(fid)
            writer.put(change)
        case .xattrwalk(let fid, let newFid, let name):
            writer.put(fid)
            writer.put(newFid)
            writer.put(name)
        case .xattrcreate(let fid, let name, let size, let flags):
            writer.put(fid)
            writer.put(name)
            writer.put(size)
            writer.put(flags.rawValue)
        case .lock(let fid, let lock, let flags):
            writer.put(fid)
            writer.put(lock.kind.rawValue)
            writer.put(flags.rawValue)
            writer.putRange(of: lock)
        case .getlock(let fid, let lock):
            writer.put(fid)
            writer.put(lock.kind.rawValue)
            writer.putRange(of: lock)
        default: preconditionFailure("no request about attributes")
        }
    }

    private func putNaming(into writer: inout FrameWriter) {
        switch self {
        case .lcreate(let fid, let name, let flags, let mode, let group):
            writer.put(fid)
            writer.put(name)
            writer.put(flags.rawValue)
            writer.put(mode)
            writer.put(group)
        case .symlink(let directory, let name, let target, let group):
            writer.put(directory)
            writer.put(name)
            writer.put(target)
            writer.put(group)
        case .mknod(let directory, let name, let mode, let major, let minor, let group):
            writer.put(directory)
            writer.put(name)
            for number in [mode, major, minor, group] { writer.put(number) }
        case .mkdir(let directory, let name, let mode, let group):
            writer.put(directory)
            writer.put(name)
            writer.put(mode)
            writer.put(group)
        case .link(let first, let second, let name), .rename(let first, let second, let name):
            // Two fids and a name; link's directory comes first, rename's second.
            writer.put(first)
            writer.put(second)
            writer.put(name)
        case .renameat(let oldDirectory, let oldName, let newDirectory, let newName):
            writer.put(oldDirectory)
            writer.put(oldName)
            writer.put(newDirectory)
            writer.put(newName)
        case .unlinkat(let directory, let name, let flags):
            writer.put(directory)
            writer.put(name)
            writer.put(flags.rawValue)
        default: preconditionFailure("no request about names")
        }
    }
}

extension FrameWriter {
    fileprivate mutating func putWalk(_ fid: Fid, _ newFid: Fid, _ names: [Name]) {
        precondition(names.count <= Protocol9P.maximumWalkNames, "a walk has at most 16 names")
        put(fid)
        put(newFid)
        put(UInt16(names.count))
        for name in names { put(name) }
    }

    fileprivate mutating func put(_ change: AttributeChange) {
        put(change.valid.rawValue)
        put(change.mode)
        put(change.user)
        put(change.group)
        put(change.size)
        put(change.accessTime)
        put(change.modificationTime)
    }

    mutating func putRange(of lock: FileLock) {
        put(lock.start)
        put(lock.length)
        put(lock.processID)
        put(lock.clientID)
    }
}

extension [UInt8] {
    /// Moves the buffer out, so that appending to it elsewhere copies nothing.
    mutating func taken() -> [UInt8] {
        var moved: [UInt8] = []
        swap(&moved, &self)
        return moved
    }
}
