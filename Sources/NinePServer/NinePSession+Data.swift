import LinuxSystem
import NineP
import Synchronization
import SystemPackage

/// read, write and readdir.
extension NinePSession {
    /// The whole reply frame, read where it will be sent from.
    func read(_ job: Job, _ fid: Fid, at offset: UInt64, count: Int) throws(Errno) -> [UInt8] {
        let entry = try fids.entry(fid)
        switch entry.current {
        case .open(_, let file):
            guard !file.isDirectory else { throw .isDirectory }
            guard let offset = Int64(exactly: offset) else { throw .invalidArgument }
            let headerByteCount = Protocol9P.readReplyHeaderByteCount
            var frame = try file.description.read(count: count, at: offset, behind: headerByteCount)
            frame.putReadHeader(.read, tag: job.tag)
            return frame
        case .xattrValue(_, let value):
            let start = Int(min(offset, UInt64(value.count)))
            return Reply.read(data: value[start..<min(value.count, start + count)]).encoded(tag: job.tag)
        case .path, .xattrChange: throw .badFileDescriptor
        case .lost: throw .staleNFSFileHandle
        }
    }

    /// As the fid's user: the kernel takes set-user-ID bits and file capabilities from what others write to.
    func write(
        _ fid: Fid, at offset: UInt64, _ data: ArraySlice<UInt8>, on worker: Worker
    ) throws(Errno) -> Reply {
        let entry = try fids.entry(fid)
        try worker.act(as: entry.attachment.identity)
        switch entry.current {
        case .open(let node, let file):
            guard file.canWrite else { throw .badFileDescriptor }
            guard let offset = Int64(exactly: offset) else { throw .invalidArgument }
            let count =
                if let request = worker.request {
                    try append(data, to: file, node, entry, request)
                } else {
                    try file.description.write(data, at: offset)
                }
            server.qids.noteChange(of: node)
            return .write(count: UInt32(count))
        case .xattrChange:
            let count = try entry.appendXattr(data, at: offset)
            try noteXattrPart(fid, entry)
            return .write(count: UInt32(count))
        case .path, .xattrValue: throw .badFileDescriptor
        case .lost: throw .staleNFSFileHandle
        }
    }

    /// To the end of the file, once.
    private func append(
        _ data: ArraySlice<UInt8>, to file: OpenFile, _ node: Node, _ entry: FidEntry,
        _ request: JournaledRequest
    ) throws(Errno) -> Int {
        let effect = Effect(
            .appending, [(node, record(of: node, entry))],
            numbers: [UInt64(data.count), JournalChecksum.of(data)])
        switch try request.prepare(effect) {
        case .applied: return data.count
        case .appliedInPart(let done):
            // What is there must be the beginning of it, and nothing behind.
            let end = Int64(try node.descriptor.status().size)
            let reading = try OpenFile(reopening: node, .readOnly)
            let there = try reading.description.read(count: done, at: end - Int64(done), behind: 0)
            guard there.elementsEqual(data.prefix(done)) else { throw .ioError }
            return done + (try file.description.write(data.dropFirst(done), at: 0))
        case .notApplied, .undecidable: return try file.description.write(data, at: 0)
        }
    }

    /// Whole entries from the cookie `offset` on, as many as fit `limit` bytes; none at the end.
    func readDirectory(_ job: Job, _ fid: Fid, from offset: UInt64, limit: Int) throws(Errno) -> [UInt8] {
        let entry = try fids.entry(fid)
        let (node, file) = try entry.openFile()
        guard file.isDirectory else { throw .notDirectory }
        guard let start = Int64(exactly: offset) else { throw .invalidArgument }
        let listing = try file.directoryPosition.withLock { position throws(Errno) in
            try list(node, file, in: entry.attachment, from: start, limit: limit, &position)
        }
        var frame: [UInt8] = []
        frame.reserveCapacity(Protocol9P.readReplyHeaderByteCount + listing.count)
        Reply.encodePayloadHeader(answering: .readdir, tag: job.tag, byteCount: listing.count, into: &frame)
        frame += listing
        return frame
    }

    private func list(
        _ node: Node, _ file: OpenFile, in attachment: Attachment, from start: Int64, limit: Int,
        _ position: inout Int64?
    ) throws(Errno) -> [UInt8] {
        if position != start { try file.description.seek(to: start) }
        position = nil
        var listing: [UInt8] = []
        var last = start
        let capacity = min(max(limit, 1024), 1 << 16)
        while true {
            var records = try file.description.directoryRecords(capacity: capacity)
            guard !records.isAtEnd else { break }
            while let record = records.next() {
                let entry = try directoryEntry(record, of: node, in: attachment)
                guard listing.count + entry.encodedByteCount <= limit else {
                    // Nothing at all would mean the end of the directory.
                    guard !listing.isEmpty else { throw .invalidArgument }
                    return listing
                }
                entry.encode(into: &listing)
                last = record.nextPosition
            }
            guard listing.count + capacity <= limit else { break }
        }
        position = last
        return listing
    }

    private func directoryEntry(
        _ record: DirectoryRecords.Record, of node: Node, in attachment: Attachment
    ) throws(Errno) -> DirectoryEntry {
        var identity = Node.Identity(device: node.identity.device, inode: record.inode)
        // The parent of the root is nobody's business.
        if record.name.elementsEqual("..".utf8), node.isSamePlace(as: attachment.root) {
            identity = node.identity
        }
        let kind: Qid.Kind =
            switch record.type {
            case 4: .directory
            case 10: .symbolicLink
            default: .file
            }
        return DirectoryEntry(
            qid: Qid(kind: kind, version: 0, path: try server.qids.path(of: identity)),
            nextOffset: UInt64(bitPattern: record.nextPosition), type: record.type,
            name: Name(Array(record.name)))
    }
}

extension [UInt8] {
    /// Writes the header of a reply with a payload over the room kept for it at the front.
    fileprivate mutating func putReadHeader(_ type: RequestType, tag: Tag) {
        var header: [UInt8] = []
        Reply.encodePayloadHeader(
            answering: type, tag: tag, byteCount: count - Protocol9P.readReplyHeaderByteCount, into: &header)
        for (index, byte) in header.enumerated() { self[index] = byte }
    }
}
