extension Reply {
    /// Appends the reply's frame to `bytes`.
    ///
    /// - Precondition: a walk has at most 16 qids; a payload fits 32 bits.
    public func encode(tag: Tag, into bytes: inout [UInt8]) {
        let type = answers?.replyNumber ?? RequestType.errorReplyNumber
        var writer = FrameWriter(appendingTo: bytes.taken(), type: type, tag: tag)
        put(into: &writer)
        bytes = writer.finish()
    }

    public func encoded(tag: Tag) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(expectedByteCount)
        encode(tag: tag, into: &bytes)
        return bytes
    }

    /// Appends all of a `read` or `readdir` reply but its payload, which the caller appends: `byteCount` bytes.
    public static func encodePayloadHeader(
        answering type: RequestType, tag: Tag, byteCount: Int, into bytes: inout [UInt8]
    ) {
        precondition(type == .read || type == .readdir, "only read and readdir answer with a payload")
        var writer = FrameWriter(appendingTo: bytes.taken(), type: type.replyNumber, tag: tag)
        writer.put(UInt32(byteCount))
        bytes = writer.finish(followedBy: byteCount)
    }

    /// Enough for most, so that the frame is not moved while it grows.
    private var expectedByteCount: Int {
        switch self {
        case .getattr: 160
        case .read(let payload), .readdir(let payload): FrameHeader.byteCount + 4 + payload.count
        default: 64
        }
    }

    private func put(into writer: inout FrameWriter) {
        switch self {
        case .error(let code): writer.put(code)
        case .version(let maximumMessageSize, let version):
            writer.put(maximumMessageSize)
            writer.put(version)
        case .auth(let qid), .attach(let qid), .symlink(let qid), .mknod(let qid), .mkdir(let qid):
            writer.put(qid)
        case .walk(let qids):
            precondition(qids.count <= Protocol9P.maximumWalkNames, "a walk answers at most 16 qids")
            writer.put(UInt16(qids.count))
            for qid in qids { writer.put(qid) }
        case .lopen(let qid, let ioUnit), .lcreate(let qid, let ioUnit):
            writer.put(qid)
            writer.put(ioUnit)
        case .read(let payload), .readdir(let payload): writer.put(payload: payload)
        case .write(let count): writer.put(count)
        case .getattr(let attributes): writer.put(attributes)
        case .statfs(let statistics): writer.put(statistics)
        case .readlink(let target): writer.put(target)
        case .xattrwalk(let size): writer.put(size)
        case .lock(let status): writer.put(status.rawValue)
        case .getlock(let lock):
            writer.put(lock.kind.rawValue)
            writer.putRange(of: lock)
        case .flush, .clunk, .remove, .setattr, .fsync, .link, .rename, .renameat, .unlinkat, .xattrcreate:
            break
        }
    }
}

extension FrameWriter {
    fileprivate mutating func put(_ attributes: FileAttributes) {
        put(attributes.valid.rawValue)
        put(attributes.qid)
        put(attributes.mode)
        put(attributes.user)
        put(attributes.group)
        put(attributes.linkCount)
        put(attributes.deviceNumber)
        put(attributes.size)
        put(attributes.blockSize)
        put(attributes.blocks)
        put(attributes.accessTime)
        put(attributes.modificationTime)
        put(attributes.changeTime)
        put(attributes.birthTime)
        put(attributes.generation)
        put(attributes.dataVersion)
    }

    fileprivate mutating func put(_ statistics: FileSystemStatistics) {
        put(statistics.type)
        put(statistics.blockSize)
        put(statistics.blocks)
        put(statistics.freeBlocks)
        put(statistics.availableBlocks)
        put(statistics.files)
        put(statistics.freeFiles)
        put(statistics.identifier)
        put(statistics.maximumNameLength)
    }
}
