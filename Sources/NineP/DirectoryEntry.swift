/// One entry in the payload of `Rreaddir`: qid[13] offset[8] type[1] name[s]. Entries are never split.
public struct DirectoryEntry: Hashable, Sendable {
    public var qid: Qid
    /// Where the *next* entry is read: an opaque cookie of the server.
    public var nextOffset: UInt64
    /// DT_…, as in struct dirent.
    public var type: UInt8
    public var name: Name

    public init(qid: Qid, nextOffset: UInt64, type: UInt8, name: Name) {
        (self.qid, self.nextOffset, self.type, self.name) = (qid, nextOffset, type, name)
    }

    public var encodedByteCount: Int { Qid.encodedByteCount + 9 + name.encodedByteCount }

    public func encode(into bytes: inout [UInt8]) {
        bytes.put(qid)
        bytes.put(nextOffset)
        bytes.put(type)
        bytes.put(name)
    }

    /// All entries of one payload.
    ///
    /// - Throws: `.truncated` when the last one is not whole; the server's fault.
    public static func decode(untrusted payload: ArraySlice<UInt8>) throws(FrameError) -> [DirectoryEntry] {
        var cursor = ByteCursor(payload.span)
        var entries: [DirectoryEntry] = []
        while cursor.remaining > 0 {
            entries.append(
                DirectoryEntry(
                    qid: try cursor.takeQid(), nextOffset: try cursor.take(UInt64.self),
                    type: try cursor.take(UInt8.self), name: try cursor.takeName()))
        }
        return entries
    }
}
