extension Reply {
    /// The reply in one whole frame, and the tag of the request it answers.
    ///
    /// - Throws: `FrameError`, the server's fault.
    public static func decode(untrusted frame: ArraySlice<UInt8>) throws(FrameError) -> (
        tag: Tag, reply: Reply
    ) {
        let header = try FrameHeader(untrustedWholeFrame: frame)
        var cursor = ByteCursor(frame.span)
        try cursor.skipHeader(header)
        let reply: Reply
        if header.type == RequestType.errorReplyNumber {
            reply = .error(code: try cursor.take(UInt32.self))
        } else if let type = RequestType(rawValue: header.type &- 1) {
            reply = try Reply(to: type, from: &cursor, of: frame)
        } else {
            throw FrameError(.unknownReply(type: header.type), at: FrameHeader.sizeByteCount, tag: header.tag)
        }
        try cursor.requireEnd()
        return (header.tag, reply)
    }

    public static func decode(untrusted frame: [UInt8]) throws(FrameError) -> (tag: Tag, reply: Reply) {
        try decode(untrusted: frame[...])
    }

    private init(
        to type: RequestType, from cursor: inout ByteCursor, of frame: ArraySlice<UInt8>
    ) throws(FrameError) {
        switch type {
        case .version:
            self = .version(maximumMessageSize: try cursor.take(UInt32.self), version: try cursor.takeName())
        case .auth: self = .auth(qid: try cursor.takeQid())
        case .attach: self = .attach(qid: try cursor.takeQid())
        case .flush: self = .flush
        case .walk: self = try Reply.walk(from: &cursor)
        case .lopen: self = .lopen(qid: try cursor.takeQid(), ioUnit: try cursor.take(UInt32.self))
        case .lcreate: self = .lcreate(qid: try cursor.takeQid(), ioUnit: try cursor.take(UInt32.self))
        case .read: self = .read(data: try cursor.takePayload(of: frame))
        case .write: self = .write(count: try cursor.take(UInt32.self))
        case .clunk: self = .clunk
        case .remove: self = .remove
        case .readdir: self = .readdir(entries: try cursor.takePayload(of: frame))
        case .getattr: self = .getattr(try FileAttributes(from: &cursor))
        case .setattr: self = .setattr
        case .statfs: self = .statfs(try FileSystemStatistics(from: &cursor))
        case .fsync: self = .fsync
        case .symlink: self = .symlink(qid: try cursor.takeQid())
        case .readlink: self = .readlink(target: try cursor.takeName())
        case .mknod: self = .mknod(qid: try cursor.takeQid())
        case .mkdir: self = .mkdir(qid: try cursor.takeQid())
        case .link: self = .link
        case .rename: self = .rename
        case .renameat: self = .renameat
        case .unlinkat: self = .unlinkat
        case .xattrwalk: self = .xattrwalk(size: try cursor.take(UInt64.self))
        case .xattrcreate: self = .xattrcreate
        case .lock: self = .lock(status: .init(rawValue: try cursor.take(UInt8.self)))
        case .getlock:
            let kind = FileLock.Kind(rawValue: try cursor.take(UInt8.self))
            self = .getlock(lock: try FileLock(kind, from: &cursor))
        }
    }

    private static func walk(from cursor: inout ByteCursor) throws(FrameError) -> Reply {
        let count = try cursor.takeWalkCount()
        var qids: [Qid] = []
        qids.reserveCapacity(count)
        for _ in 0..<count { qids.append(try cursor.takeQid()) }
        return .walk(qids: qids)
    }
}

extension FileAttributes {
    fileprivate init(from cursor: inout ByteCursor) throws(FrameError) {
        self.init(
            valid: .init(rawValue: try cursor.take(UInt64.self)), qid: try cursor.takeQid(),
            mode: try cursor.take(UInt32.self), user: try cursor.take(UInt32.self),
            group: try cursor.take(UInt32.self), linkCount: try cursor.take(UInt64.self),
            deviceNumber: try cursor.take(UInt64.self), size: try cursor.take(UInt64.self),
            blockSize: try cursor.take(UInt64.self), blocks: try cursor.take(UInt64.self))
        accessTime = try cursor.takeTime()
        modificationTime = try cursor.takeTime()
        changeTime = try cursor.takeTime()
        birthTime = try cursor.takeTime()
        generation = try cursor.take(UInt64.self)
        dataVersion = try cursor.take(UInt64.self)
    }
}

extension FileSystemStatistics {
    fileprivate init(from cursor: inout ByteCursor) throws(FrameError) {
        self.init(
            type: try cursor.take(UInt32.self), blockSize: try cursor.take(UInt32.self),
            blocks: try cursor.take(UInt64.self), freeBlocks: try cursor.take(UInt64.self),
            availableBlocks: try cursor.take(UInt64.self), files: try cursor.take(UInt64.self),
            freeFiles: try cursor.take(UInt64.self), identifier: try cursor.take(UInt64.self),
            maximumNameLength: try cursor.take(UInt32.self))
    }
}
