import LinuxSystem
import NineP
import Synchronization
import SystemPackage

/// readdir.
extension NinePSession {
    /// Whole entries from the cookie `offset` on, as many as fit `limit` bytes; none at the end. The whole reply frame.
    func readDirectory(_ job: Job, _ fid: Fid, from offset: UInt64, limit: Int) throws(Errno) -> [UInt8] {
        let entry = try fids.entry(fid)
        let (node, file) = try entry.openFile()
        guard file.isDirectory else { throw .notDirectory }
        guard let start = Int64(exactly: offset) else { throw .invalidArgument }
        var listing = Listing(limit: limit, of: node, in: entry.attachment, server.qids)
        try file.directoryPosition.withLock { position throws(Errno) in
            try listing.fill(from: file, at: start, &position)
        }
        return listing.frame(tag: job.tag)
    }
}

/// The entries of one reply, built where they will be sent from.
struct Listing {
    private var frame: [UInt8]
    private var end = Protocol9P.readReplyHeaderByteCount
    private let limit: Int
    private let node: Node
    private let isRoot: Bool
    private let qids: QidMap
    /// The upper bits of the last inode number, and what a qid's path has for them.
    private var prefix: (inodeHigh: UInt64, pathHigh: UInt64)?

    /// - Parameter limit: bytes of entries at most.
    init(limit: Int, of node: Node, in attachment: Attachment, _ qids: QidMap) {
        self.limit = limit + Protocol9P.readReplyHeaderByteCount
        frame = [UInt8](repeating: 0, count: min(self.limit, Listing.firstByteCount))
        (self.node, self.qids) = (node, qids)
        isRoot = node.isSamePlace(as: attachment.root)
    }

    /// A record of the kernel's, names of four bytes, takes 24 bytes where an entry takes 28; for longer and shorter
    /// ones the entry is less longer. So many records always fit, and none is read twice.
    private static func recordByteCount(for room: Int) -> Int { min(room / 7 * 6, 1 << 16) }
    /// Most directories are small, however much a client has room for: a frame grows by doubling.
    private static let firstByteCount = 1 << 14
    /// Room below which a record of any name need not fit what is asked for.
    private static let leastRoom = 1024

    /// - Parameter position: where the description of `file` stands; `nil` when unknown.
    /// - Throws: `EINVAL` when not even one entry fits.
    mutating func fill(from file: OpenFile, at start: Int64, _ position: inout Int64?) throws(Errno) {
        if position != start { try file.description.seek(to: start) }
        position = nil
        var last = start
        repeat {
            var records = try file.description.directoryRecords(
                capacity: max(Listing.recordByteCount(for: limit - end), Listing.leastRoom))
            guard !records.isAtEnd else { break }
            while let record = records.next() {
                guard try append(record, named: records.bytes.span.extracting(record.name)) else {
                    // Nothing at all would mean the end of the directory.
                    guard end > Protocol9P.readReplyHeaderByteCount else { throw .invalidArgument }
                    return
                }
                last = record.nextPosition
            }
        } while limit - end >= 2 * Listing.leastRoom
        position = last
    }

    /// qid[13] offset[8] type[1] name[s]
    ///
    /// - Returns: whether it fitted.
    private mutating func append(
        _ record: DirectoryRecords.Record, named name: Span<UInt8>
    ) throws(Errno) -> Bool {
        guard limit - end >= 24 + name.count else { return false }
        var inode = record.inode
        // The parent of the root is nobody's business.
        if isRoot, name.count == 2, name[0] == UInt8(ascii: "."), name[1] == UInt8(ascii: ".") {
            inode = node.identity.inode
        }
        let kind: Qid.Kind =
            switch record.type {
            case 4: .directory
            case 10: .symbolicLink
            default: .file
            }
        let path = try path(of: inode)
        let start = end
        end += 24 + name.count
        if end > frame.count {
            frame += [UInt8](repeating: 0, count: min(max(end, 2 * frame.count), limit) - frame.count)
        }
        var bytes = frame.mutableSpan
        bytes[start] = kind.rawValue
        // The version, unknown without a look at the file, stays zero.
        bytes.store(littleEndian: path, at: start + 5)
        bytes.store(littleEndian: UInt64(bitPattern: record.nextPosition), at: start + 13)
        bytes[start + 21] = record.type
        bytes.store(littleEndian: UInt16(name.count), at: start + 22)
        bytes.copy(name, to: start + 24)
        return true
    }

    private mutating func path(of inode: UInt64) throws(Errno) -> UInt64 {
        if let prefix, prefix.inodeHigh == inode >> 48 { return prefix.pathHigh | inode & 0xFFFF_FFFF_FFFF }
        let path = try qids.path(of: Node.Identity(device: node.identity.device, inode: inode))
        prefix = (inode >> 48, path & ~0xFFFF_FFFF_FFFF)
        return path
    }

    consuming func frame(tag: Tag) -> [UInt8] {
        frame.removeLast(frame.count - end)
        frame.putPayloadHeader(.readdir, tag: tag)
        return frame
    }
}
