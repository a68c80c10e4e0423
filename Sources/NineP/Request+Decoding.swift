extension Request {
    /// The request in one whole frame, and its tag.
    ///
    /// - Throws: `FrameError`, the client's fault; it carries the tag when the header was whole.
    public static func decode(untrusted frame: ArraySlice<UInt8>) throws(FrameError) -> (
        tag: Tag, request: Request
    ) {
        let header = try FrameHeader(untrustedWholeFrame: frame)
        guard let type = RequestType(rawValue: header.type) else {
            throw FrameError(unknownRequest(header.type), at: FrameHeader.sizeByteCount, tag: header.tag)
        }
        var cursor = ByteCursor(frame.span)
        try cursor.skipHeader(header)
        let request = try Request(type, from: &cursor, of: frame)
        try cursor.requireEnd()
        return (header.tag, request)
    }

    public static func decode(untrusted frame: [UInt8]) throws(FrameError) -> (tag: Tag, request: Request) {
        try decode(untrusted: frame[...])
    }

    private static func unknownRequest(_ type: UInt8) -> FrameError.Reason {
        let isReply = type == RequestType.errorReplyNumber || RequestType(rawValue: type &- 1) != nil
        return isReply ? .replyAsRequest(type: type) : .unknownRequest(type: type)
    }

    private init(
        _ type: RequestType, from cursor: inout ByteCursor, of frame: ArraySlice<UInt8>
    ) throws(FrameError) {
        switch type {
        case .version, .auth, .attach, .flush: self = try Request.session(type, from: &cursor)
        case .walk: self = try Request.walk(from: &cursor)
        case .lopen:
            self = .lopen(fid: try cursor.takeFid(), flags: .init(rawValue: try cursor.take(UInt32.self)))
        case .lcreate:
            self = .lcreate(
                fid: try cursor.takeFid(), name: try cursor.takeName(),
                flags: .init(rawValue: try cursor.take(UInt32.self)), mode: try cursor.take(UInt32.self),
                group: try cursor.take(UInt32.self))
        case .read:
            self = .read(
                fid: try cursor.takeFid(), offset: try cursor.take(UInt64.self),
                count: try cursor.take(UInt32.self))
        case .write:
            let (fid, offset) = (try cursor.takeFid(), try cursor.take(UInt64.self))
            self = .write(fid: fid, offset: offset, data: try cursor.takePayload(of: frame))
        case .readdir:
            self = .readdir(
                fid: try cursor.takeFid(), offset: try cursor.take(UInt64.self),
                count: try cursor.take(UInt32.self))
        case .fsync:
            let fid = try cursor.takeFid()
            self = .fsync(
                fid: fid, dataOnly: cursor.remaining == 0 ? false : try cursor.take(UInt32.self) != 0)
        case .clunk: self = .clunk(fid: try cursor.takeFid())
        case .remove: self = .remove(fid: try cursor.takeFid())
        case .statfs: self = .statfs(fid: try cursor.takeFid())
        case .readlink: self = .readlink(fid: try cursor.takeFid())
        case .getattr, .setattr, .xattrwalk, .xattrcreate, .lock, .getlock:
            self = try Request.attribute(type, from: &cursor)
        case .symlink, .mknod, .mkdir, .link, .rename, .renameat, .unlinkat:
            self = try Request.naming(type, from: &cursor)
        }
    }

    private static func session(_ type: RequestType, from cursor: inout ByteCursor) throws(FrameError)
        -> Request
    {
        switch type {
        case .version:
            .version(maximumMessageSize: try cursor.take(UInt32.self), version: try cursor.takeName())
        case .auth:
            .auth(
                authFid: try cursor.takeFid(), user: try cursor.takeName(), tree: try cursor.takeName(),
                userNumber: try cursor.take(UInt32.self))
        case .attach:
            .attach(
                fid: try cursor.takeFid(), authFid: try cursor.takeFid(), user: try cursor.takeName(),
                tree: try cursor.takeName(), userNumber: try cursor.take(UInt32.self))
        default:
            .flush(oldTag: Tag(rawValue: try cursor.take(UInt16.self)))
        }
    }

    private static func walk(from cursor: inout ByteCursor) throws(FrameError) -> Request {
        let (fid, newFid) = (try cursor.takeFid(), try cursor.takeFid())
        let count = try cursor.takeWalkCount()
        var names: [Name] = []
        names.reserveCapacity(count)
        for _ in 0..<count { names.append(try cursor.takeName()) }
        return .walk(fid: fid, newFid: newFid, names: names)
    }

    private static func attribute(_ type: RequestType, from cursor: inout ByteCursor) throws(FrameError)
        -> Request
    {
        let fid = try cursor.takeFid()
        switch type {
        case .getattr: return .getattr(fid: fid, mask: .init(rawValue: try cursor.take(UInt64.self)))
        case .setattr: return .setattr(fid: fid, change: try AttributeChange(from: &cursor))
        case .xattrwalk:
            return .xattrwalk(fid: fid, newFid: try cursor.takeFid(), name: try cursor.takeName())
        case .xattrcreate:
            return .xattrcreate(
                fid: fid, name: try cursor.takeName(), size: try cursor.take(UInt64.self),
                flags: .init(rawValue: try cursor.take(UInt32.self)))
        case .lock:
            let kind = FileLock.Kind(rawValue: try cursor.take(UInt8.self))
            let flags = FileLock.Flags(rawValue: try cursor.take(UInt32.self))
            return .lock(fid: fid, lock: try FileLock(kind, from: &cursor), flags: flags)
        default:
            let kind = FileLock.Kind(rawValue: try cursor.take(UInt8.self))
            return .getlock(fid: fid, lock: try FileLock(kind, from: &cursor))
        }
    }

    private static func naming(_ type: RequestType, from cursor: inout ByteCursor) throws(FrameError)
        -> Request
    {
        let first = try cursor.takeFid()
        switch type {
        case .symlink:
            return .symlink(
                directory: first, name: try cursor.takeName(), target: try cursor.takeName(),
                group: try cursor.take(UInt32.self))
        case .mknod:
            return .mknod(
                directory: first, name: try cursor.takeName(), mode: try cursor.take(UInt32.self),
                major: try cursor.take(UInt32.self), minor: try cursor.take(UInt32.self),
                group: try cursor.take(UInt32.self))
        case .mkdir:
            return .mkdir(
                directory: first, name: try cursor.takeName(), mode: try cursor.take(UInt32.self),
                group: try cursor.take(UInt32.self))
        case .link: return .link(directory: first, fid: try cursor.takeFid(), name: try cursor.takeName())
        case .rename: return .rename(fid: first, directory: try cursor.takeFid(), name: try cursor.takeName())
        case .renameat:
            return .renameat(
                oldDirectory: first, oldName: try cursor.takeName(), newDirectory: try cursor.takeFid(),
                newName: try cursor.takeName())
        default:
            return .unlinkat(
                directory: first, name: try cursor.takeName(),
                flags: .init(rawValue: try cursor.take(UInt32.self)))
        }
    }
}

extension AttributeChange {
    fileprivate init(from cursor: inout ByteCursor) throws(FrameError) {
        self.init()
        valid = Valid(rawValue: try cursor.take(UInt32.self))
        mode = try cursor.take(UInt32.self)
        user = try cursor.take(UInt32.self)
        group = try cursor.take(UInt32.self)
        size = try cursor.take(UInt64.self)
        accessTime = try cursor.takeTime()
        modificationTime = try cursor.takeTime()
    }
}
