import LinuxSystem
import NineP
import Synchronization
import SystemPackage

/// read and write.
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
            frame.putPayloadHeader(.read, tag: job.tag)
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
}

extension [UInt8] {
    /// Writes the header of a reply with a payload over the room kept for it at the front.
    mutating func putPayloadHeader(_ type: RequestType, tag: Tag) {
        let payloadByteCount = count - Protocol9P.readReplyHeaderByteCount
        var header: [UInt8] = []
        header.reserveCapacity(Protocol9P.readReplyHeaderByteCount)
        Reply.encodePayloadHeader(answering: type, tag: tag, byteCount: payloadByteCount, into: &header)
        for index in header.indices { self[index] = header[index] }
    }
}
