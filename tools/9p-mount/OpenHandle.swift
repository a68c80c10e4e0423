import FUSEMount
import NineP
import NinePClient
import Synchronization
import SystemPackage

/// One open file or directory of the kernel's, with the fid that was opened for it.
final class OpenHandle: Sendable {
    let number: UInt64
    let node: Node
    private let held: Mutex<RemoteFid>
    let flags: OpenFlags
    /// The most bytes one read or write carries.
    let chunkByteCount: Int
    /// What the server listed beyond what the kernel took.
    let listing = Mutex(Listing())
    /// Where the kernel's pages are written when this one only appends.
    let writeBack = Mutex<OpenHandle?>(nil)

    /// Entries read ahead, and the cookie at which they begin.
    struct Listing {
        var offset: UInt64 = 0
        var entries: ArraySlice<DirectoryEntry> = []
    }

    init(_ number: UInt64, _ node: Node, _ fid: RemoteFid, _ flags: OpenFlags, ioUnit: UInt32) {
        (self.number, self.node, self.flags) = (number, node, flags)
        held = Mutex(fid)
        let most = Int(fid.session.maximumMessageSize - Protocol9P.payloadHeaderByteCount)
        chunkByteCount = ioUnit == 0 ? most : min(most, Int(ioUnit))
    }

    var access: OpenFlags { flags.access }

    /// The fid it was last opened with. The server may have forgotten it; `opened` asks for one that it knows.
    var fid: RemoteFid { held.withLock { $0 } }

    /// The fid to use. Where the server has forgotten it the file is opened again by its path.
    ///
    /// - Throws: `.refused(ESTALE)` when another file is there now, or none.
    func opened(_ interruption: Interruption?) throws(SessionError) -> RemoteFid {
        let known = fid
        if known.isKnown { return known }
        let clone: RemoteFid
        do throws(SessionError) { clone = try node.fid(interruption).clone(interruption) } catch {
            throw error.isNameGone ? .refused(.staleNFSFileHandle) : error
        }
        _ = try clone.session.open(
            clone.fid, flags.subtracting([.create, .exclusive, .truncate]), interruption: interruption)
        let old = held.withLock { held in
            defer { held = clone }
            return held
        }
        // Let go outside the lock.
        _ = consume old
        return clone
    }
}

/// All open files by the number the kernel was given.
final class OpenHandles: Sendable {
    private struct State {
        var next: UInt64 = 1
        var handles: [UInt64: OpenHandle] = [:]
    }

    private let state = Mutex(State())

    subscript(number: UInt64) -> OpenHandle? { state.withLock { $0.handles[number] } }

    func add(_ node: Node, _ fid: RemoteFid, _ flags: OpenFlags, ioUnit: UInt32) -> OpenHandle {
        let handle = state.withLock { state in
            let handle = OpenHandle(state.next, node, fid, flags, ioUnit: ioUnit)
            state.next += 1
            state.handles[handle.number] = handle
            return handle
        }
        node.opened(handle)
        return handle
    }

    func remove(_ number: UInt64) -> OpenHandle? {
        let handle = state.withLock { $0.handles.removeValue(forKey: number) }
        if let handle { handle.node.closed(handle) }
        return handle
    }
}
