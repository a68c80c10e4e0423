import FUSEMount
import NineP
import NinePClient
import Synchronization
import SystemPackage

/// A file the kernel knows: its number, the name it was last found by, the fid that leads to it, what is open of it.
final class Node: Sendable {
    /// Where it was found. It may have been moved since; whoever walks there again compares.
    struct Place: Sendable {
        let directory: Node
        let name: Name
    }

    private struct State {
        var fid: RemoteFid?
        var place: Place?
        /// How often the kernel was told of it and has not forgotten it.
        var lookupCount: UInt64 = 1
        var isUsed = true
        /// When the file was made, as the server first told: its number may mean another one day.
        var born: NineP.FileTime?
        var openFiles: [OpenHandle] = []
        var lastSeen: NineP.FileAttributes?
    }

    let inode: InodeNumber
    /// The server's number of it.
    let origin: InodeNumber
    private let state: Mutex<State>

    init(
        _ inode: InodeNumber, of origin: InodeNumber? = nil, born: NineP.FileTime? = nil, _ fid: RemoteFid,
        at place: Place?
    ) {
        (self.inode, self.origin) = (inode, origin ?? inode)
        state = Mutex(State(fid: fid, place: place, born: born))
    }

    /// Whether a file of the server's is this one, as far as can be told.
    func isFile(_ origin: InodeNumber, born: NineP.FileTime?) -> Bool {
        guard origin == self.origin else { return false }
        return state.withLock { state in
            guard let born else { return true }
            if state.born == nil { state.born = born }
            return state.born == born
        }
    }

    // MARK: Fids

    /// Leads to the file by name; on a server that keeps paths it fails once the file is unlinked.
    func fid(_ interruption: Interruption?) throws(SessionError) -> RemoteFid {
        let (known, place) = state.withLock { state in
            state.isUsed = true
            return (state.fid, state.place)
        }
        if let known, known.isKnown { return known }
        guard let place else { throw .refused(.staleNFSFileHandle) }
        let (fid, qids) = try place.directory.fid(interruption).walk([place.name], interruption)
        // ESTALE has the kernel look the name up again.
        guard let qid = qids.last, try isFile(qid, fid, interruption) else {
            throw .refused(.staleNFSFileHandle)
        }
        replace(fid, at: place)
        return fid
    }

    /// Whether what a walk led to is this file still, and not another that was given its number.
    private func isFile(
        _ qid: Qid, _ fid: RemoteFid, _ interruption: Interruption?
    ) throws(SessionError) -> Bool {
        let origin = NodeTable.inode(of: qid)
        guard origin == self.origin, state.withLock({ $0.born != nil }) else { return origin == self.origin }
        return isFile(origin, born: try fid.attributes(interruption).born)
    }

    /// A walk to `place` made `fresh`, which takes the old fid's place.
    func replace(_ fresh: RemoteFid, at place: Place?) {
        let old = state.withLock { state in
            defer { (state.fid, state.place) = (fresh, place) }
            return state.fid
        }
        if old == nil { fresh.cache.held(self) }
        // The old one is clunked here, outside the lock.
        _ = consume old
    }

    var holdsFid: Bool { state.withLock { $0.fid != nil } }

    /// Gives the fid up; the caller clunks it by letting go.
    func takeFid() -> RemoteFid? {
        state.withLock { state in
            defer { state.fid = nil }
            return state.fid
        }
    }

    /// Whether it was asked about since this was last called.
    func wasUsed() -> Bool {
        state.withLock { state in
            defer { state.isUsed = false }
            return state.isUsed
        }
    }

    /// An open fid that leads to the file whatever became of its names, if there is one.
    func openFid(writable: Bool = false) -> RemoteFid? {
        state.withLock { state in
            state.openFiles.first { (!writable || $0.access != .readOnly) && $0.fid.isKnown }?.fid
        }
    }

    /// The fid to ask about the file: an open one cannot be led astray.
    func statusFid(_ interruption: Interruption?) throws(SessionError) -> RemoteFid {
        if let open = openFid() { return open }
        return try fid(interruption)
    }

    // MARK: Lookups

    func countLookup() { state.withLock { $0.lookupCount += 1 } }

    /// The kernel drops `count` lookups; true when none is left.
    func forget(_ count: UInt64) -> Bool {
        state.withLock { state in
            state.lookupCount -= min(count, state.lookupCount)
            return state.lookupCount == 0
        }
    }

    // MARK: Attributes

    /// The file's attributes, by `fid` or whatever leads to it best.
    ///
    /// A server that keeps paths cannot tell them once the file is unlinked, though it is open; then they are what was last
    /// seen of them, and grown by what was written.
    func attributes(
        by fid: RemoteFid? = nil, _ interruption: Interruption?
    ) throws(SessionError) -> NineP.FileAttributes {
        do throws(SessionError) {
            let asked: RemoteFid
            if let fid { asked = fid } else { asked = try statusFid(interruption) }
            let attributes = try asked.attributes(interruption)
            state.withLock { $0.lastSeen = attributes }
            return attributes
        } catch {
            guard error.isNameGone else { throw error }
            let last = state.withLock { state in state.openFiles.isEmpty ? nil : state.lastSeen }
            guard var last else { throw error }
            last.linkCount = 0
            return last
        }
    }

    func seen(_ attributes: NineP.FileAttributes) { state.withLock { $0.lastSeen = attributes } }

    /// The mode as last seen; zero before that.
    var lastMode: UInt32 { state.withLock { $0.lastSeen?.mode ?? 0 } }

    func written(upTo end: UInt64) {
        state.withLock { state in
            if let size = state.lastSeen?.size, size < end { state.lastSeen?.size = end }
        }
    }

    // MARK: Open files

    func opened(_ handle: OpenHandle) { state.withLock { $0.openFiles.append(handle) } }
    func closed(_ handle: OpenHandle) { state.withLock { $0.openFiles.removeAll { $0 === handle } } }
}

extension NineP.FileAttributes {
    /// Where the server tells it.
    var born: NineP.FileTime? { valid.contains(.birthTime) ? birthTime : nil }
}

extension SessionError {
    /// The server cannot find the file by the name it had.
    var isNameGone: Bool {
        self == .refused(.noSuchFileOrDirectory) || self == .refused(.staleNFSFileHandle)
    }
}
