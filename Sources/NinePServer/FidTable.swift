import NineP
import Synchronization
import SystemPackage

/// The fids of one client.
final class FidTable: Sendable {
    private struct Contents {
        var entries: [Fid: FidEntry] = [:]
        var xattrByteCount = 0
    }

    private let contents = Mutex(Contents())
    private let capacity: Int
    private let xattrCapacity: Int

    init(capacity: Int, xattrCapacity: Int) {
        (self.capacity, self.xattrCapacity) = (capacity, xattrCapacity)
    }

    /// - Throws: `EBADF` for a fid nobody made.
    func entry(_ fid: Fid) throws(Errno) -> FidEntry {
        guard let entry = contents.withLock({ $0.entries[fid] }) else { throw .badFileDescriptor }
        return entry
    }

    /// - Throws: `EBADF` when `fid` is in use or the number that means none.
    func requireUnused(_ fid: Fid) throws(Errno) {
        guard fid != .none, contents.withLock({ $0.entries[fid] == nil }) else { throw .badFileDescriptor }
    }

    /// - Throws: `EBADF` when `fid` is in use, `EMFILE` when there are too many, `ENOMEM` when their attributes
    ///   take too much.
    func insert(_ entry: FidEntry, as fid: Fid) throws(Errno) {
        let byteCount = entry.xattrByteCount
        let error: Errno? = contents.withLock { contents in
            guard fid != .none, contents.entries[fid] == nil else { return .badFileDescriptor }
            guard contents.entries.count < capacity else { return .tooManyOpenFiles }
            guard contents.xattrByteCount + byteCount <= xattrCapacity else { return .noMemory }
            contents.entries[fid] = entry
            contents.xattrByteCount += byteCount
            return nil
        }
        if let error { throw error }
    }

    /// Puts `entry` in the place of what `fid` was.
    func replace(_ fid: Fid, by entry: FidEntry) { contents.withLock { $0.entries[fid] = entry } }

    /// Turns the fid into one that takes in an attribute.
    ///
    /// - Throws: `ENOMEM` when the client's attributes would take too much.
    func beginXattr(_ entry: FidEntry, _ change: XattrChange) throws(Errno) {
        let fits = contents.withLock { contents in
            guard contents.xattrByteCount + change.byteCount <= xattrCapacity else { return false }
            contents.xattrByteCount += change.byteCount
            return true
        }
        guard fits else { throw .noMemory }
        entry.become(.xattrChange(change))
    }

    /// - Throws: `EBADF` for a fid nobody made.
    func remove(_ fid: Fid) throws(Errno) -> FidEntry {
        let removed = contents.withLock { contents -> FidEntry? in
            guard let entry = contents.entries.removeValue(forKey: fid) else { return nil }
            contents.xattrByteCount -= entry.xattrByteCount
            return entry
        }
        guard let removed else { throw .badFileDescriptor }
        return removed
    }

    func removeAll() -> [FidEntry] {
        contents.withLock { contents in
            defer { contents = Contents() }
            return Array(contents.entries.values)
        }
    }

    var count: Int { contents.withLock { $0.entries.count } }

    /// Tells every fid of `export` whose file was at `old`, or beneath it, that it is at `new`; those it concerned.
    func renamePaths(in export: Export, from old: [UInt8], to new: [UInt8]) -> [(Fid, FidEntry)] {
        let all = contents.withLock { $0.entries }
        return all.compactMap { fid, entry in
            guard entry.attachment.export === export, let path = entry.path?.renamed(from: old, to: new)
            else {
                return nil
            }
            entry.moved(to: path)
            return (fid, entry)
        }
    }
}
