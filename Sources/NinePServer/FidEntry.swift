import LinuxSystem
import NineP
import Synchronization
import SystemPackage

/// What one attach gave: an export, and whom its requests act as. Fids walked from it share it.
final class Attachment: Sendable {
    let export: Export
    let identity: UserIdentity

    init(_ export: Export, as identity: UserIdentity) { (self.export, self.identity) = (export, identity) }

    var root: Node { export.root }
}

/// What a fid stands for now. Requests take out what they need and work on that: a clunk meanwhile costs them
/// nothing.
enum FidState: Sendable {
    /// A file that is not open.
    case path(Node)
    case open(Node, OpenFile)
    /// The value of an attribute, or the list of names, as it was at xattrwalk.
    case xattrValue(Node, [UInt8])
    /// The value of an attribute on its way in, applied at clunk.
    case xattrChange(XattrChange)
    /// It was another process's, and its file cannot be reached any more.
    case lost
}

/// The value of an extended attribute that is being written.
struct XattrChange: Sendable {
    let node: Node
    let name: KernelText
    let byteCount: Int
    let flags: XattrFlags
    var value: [UInt8] = []
}

/// One fid: its state changes under its own lock, and only ever from one request at a time (see `FidOrder`).
final class FidEntry: Sendable {
    /// Tells it from any other fid of the server's life; locks taken through it carry this.
    let serial: UInt64
    let attachment: Attachment
    private let state: Mutex<FidState>
    /// Where its file was when it was last seen there, beneath the export: for finding it again in another process.
    private let lastPath: Mutex<[UInt8]?>
    /// Whether a lock was ever taken through it.
    let tookLocks = Atomic(false)

    private static let lastSerial = Atomic<UInt64>(0)

    init(_ attachment: Attachment, _ state: FidState, path: [UInt8]?) {
        serial = FidEntry.lastSerial.add(1, ordering: .relaxed).newValue
        self.attachment = attachment
        self.state = Mutex(state)
        lastPath = Mutex(path)
        attachment.export.fidCount.add(1, ordering: .relaxed)
    }

    deinit { attachment.export.fidCount.subtract(1, ordering: .relaxed) }

    var path: [UInt8]? { lastPath.withLock { $0 } }

    /// The path of `name` in the directory it names.
    func path(of name: FileName) -> [UInt8]? { path?.appending(name: name.bytes) }

    func moved(to path: [UInt8]?) { lastPath.withLock { $0 = path } }

    var current: FidState { state.withLock { $0 } }

    func become(_ new: FidState) { state.withLock { $0 = new } }

    /// The file, open or not.
    ///
    /// - Throws: `EBADF` for a fid of an extended attribute.
    func node() throws(Errno) -> Node {
        switch current {
        case .path(let node), .open(let node, _): return node
        case .xattrValue, .xattrChange: throw .badFileDescriptor
        case .lost: throw .staleNFSFileHandle
        }
    }

    /// The file, which must not be open yet.
    ///
    /// - Throws: `EBADF`
    func unopenedNode() throws(Errno) -> Node {
        switch current {
        case .path(let node): return node
        case .open, .xattrValue, .xattrChange: throw .badFileDescriptor
        case .lost: throw .staleNFSFileHandle
        }
    }

    /// - Throws: `EBADF` when not open.
    func openFile() throws(Errno) -> (node: Node, file: OpenFile) {
        switch current {
        case .open(let node, let file): return (node, file)
        case .path, .xattrValue, .xattrChange: throw .badFileDescriptor
        case .lost: throw .staleNFSFileHandle
        }
    }

    /// The directory it names, open or not, in which names may be changed.
    ///
    /// - Throws: `ENOTDIR`, and `EROFS` when the export is read-only.
    func changeableDirectory() throws(Errno) -> Node {
        let node = try node()
        try requireChangeable()
        try node.requireDirectory()
        return node
    }

    /// - Throws: `EROFS`
    func requireChangeable() throws(Errno) {
        guard !attachment.export.policy.isReadOnly else { throw .readOnlyFileSystem }
    }

    /// Takes in part of an attribute's value: each byte once or again, without gaps, never beyond the size stated.
    func appendXattr(_ data: ArraySlice<UInt8>, at offset: UInt64) throws(Errno) -> Int {
        let error: Errno? = state.withLock { state in
            guard case .xattrChange(var change) = state else { return .badFileDescriptor }
            guard offset <= UInt64(change.value.count) else { return .invalidArgument }
            guard data.count <= change.byteCount - Int(offset) else { return .noSpace }
            let overlap = min(change.value.count - Int(offset), data.count)
            change.value.replaceSubrange(Int(offset)..<Int(offset) + overlap, with: data)
            state = .xattrChange(change)
            return nil
        }
        if let error { throw error }
        return data.count
    }

    /// How many bytes of attributes it holds in memory.
    var xattrByteCount: Int {
        switch current {
        case .path, .open, .lost: 0
        case .xattrValue(_, let value): value.count
        case .xattrChange(let change): change.byteCount
        }
    }
}
