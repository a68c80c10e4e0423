import NineP
import Synchronization

/// A range that is locked, and the open file through which it was.
struct HeldLock: Sendable {
    let lock: NineP.FileLock
    let handle: OpenHandle
}

/// Who holds locks, as the kernel tells owners apart and as the server is told: (client_id, proc_id).
final class LockOwners: Sendable {
    private struct Owner {
        var processID: UInt32
        var process: CInt
        /// The open files through which it locked something.
        var handles: [OpenHandle] = []
        /// What it holds, to be had again where a newer lock is undone; they never overlap.
        var held: [HeldLock] = []

        /// Puts `newer` in the place of what the owner holds within `range` of a file.
        ///
        /// - Returns: what it held there.
        mutating func replace(
            _ range: NineP.FileLock, of node: Node, by newer: [HeldLock]
        ) -> [HeldLock] {
            var (older, left): ([HeldLock], [HeldLock]) = ([], newer)
            for held in held {
                guard held.handle.node === node else {
                    left.append(held)
                    continue
                }
                let parts = held.lock.parts(outside: range)
                left += parts.map { HeldLock(lock: $0, handle: held.handle) }
                if let part = held.lock.part(inside: range) {
                    older.append(HeldLock(lock: part, handle: held.handle))
                }
            }
            held = left
            return older
        }
    }

    private struct State {
        var owners: [UInt64: Owner] = [:]
        var keys: [UInt32: UInt64] = [:]
        var nextID: UInt32 = 0x4000_0000
    }

    /// Which call asks: the kernel keeps their locks apart, and so does a server that understands the end of the name.
    enum Call {
        case fcntl
        case flock
    }

    /// client_id: this mount, unlike any other.
    private let clients: (fcntl: Name, flock: Name)
    private let state = Mutex(State())

    init(client: String) { clients = (Name("\(client)/fcntl"), Name("\(client)/flock")) }

    func client(_ call: Call) -> Name { call == .fcntl ? clients.fcntl : clients.flock }
    func isOurs(_ client: Name) -> Bool { client == clients.fcntl || client == clients.flock }

    /// The proc_id of an owner: its process's number, unless another owner of that process has it.
    func processID(of key: UInt64, _ process: CInt) -> UInt32 {
        state.withLock { state in
            if let owner = state.owners[key] { return owner.processID }
            var number = UInt32(bitPattern: process)
            while state.keys[number] != nil {
                number = state.nextID
                state.nextID = state.nextID &+ 1 | 0x4000_0000
            }
            state.owners[key] = Owner(processID: number, process: process)
            state.keys[number] = key
            return number
        }
    }

    /// The process behind a proc_id of ours, zero for any other.
    func process(_ number: UInt32) -> CInt {
        state.withLock { state in state.keys[number].flatMap { state.owners[$0]?.process } ?? 0 }
    }

    /// The owner got a lock through `handle`.
    ///
    /// - Returns: what it held there before.
    @discardableResult
    func locked(_ key: UInt64, _ lock: NineP.FileLock, through handle: OpenHandle) -> [HeldLock] {
        state.withLock { state in
            // It may have been forgotten as idle while the request was under way.
            var owner =
                state.owners[key]
                ?? Owner(processID: lock.processID, process: CInt(bitPattern: lock.processID))
            if !owner.handles.contains(where: { $0 === handle }) { owner.handles.append(handle) }
            let older = owner.replace(
                lock, of: handle.node, by: [HeldLock(lock: lock, handle: handle)])
            state.owners[key] = owner
            state.keys[owner.processID] = key
            return older
        }
    }

    /// What the owner holds of `node` within `range`.
    func held(_ key: UInt64, within range: NineP.FileLock, of node: Node) -> [HeldLock] {
        state.withLock { state in
            var owner = state.owners[key]
            return owner?.replace(range, of: node, by: []) ?? []
        }
    }

    /// The owner holds `now` of `node` within `range`, and nothing else there.
    func set(_ key: UInt64, to now: [HeldLock], within range: NineP.FileLock, of node: Node) {
        let gone = state.withLock { $0.owners[key]?.replace(range, of: node, by: now) }
        // Let go outside the lock: the last holder of a handle clunks its fid.
        _ = consume gone
    }

    /// An owner that asked about locks and holds none.
    func forgetIfIdle(_ key: UInt64) {
        state.withLock { state in
            guard let owner = state.owners[key], owner.handles.isEmpty else { return }
            state.owners[key] = nil
            state.keys[owner.processID] = nil
        }
    }

    /// The open files through which an owner locked `node`.
    func handles(of key: UInt64, on node: Node) -> [OpenHandle] {
        state.withLock { $0.owners[key]?.handles.filter { $0.node === node } ?? [] }
    }

    /// Whether somebody locked something through an open file.
    func hold(_ handle: OpenHandle) -> Bool {
        state.withLock { $0.owners.values.contains { $0.handles.contains { $0 === handle } } }
    }

    /// An owner has no lock of `node` any more.
    func unlocked(_ key: UInt64, on node: Node) {
        forget { owner, handle in owner == key && handle.node === node }
    }

    /// An open file is closed, and its locks with it.
    func drop(_ handle: OpenHandle) { forget { _, other in other === handle } }

    private func forget(_ isGone: (UInt64, OpenHandle) -> Bool) {
        let gone = state.withLock { state in
            var gone: [OpenHandle] = []
            for (key, owner) in state.owners {
                let left = owner.handles.filter { !isGone(key, $0) }
                guard left.count < owner.handles.count else { continue }
                gone += owner.handles
                state.owners[key]?.handles = left
                state.owners[key]?.held.removeAll { isGone(key, $0.handle) }
                if left.isEmpty {
                    state.owners[key] = nil
                    state.keys[owner.processID] = nil
                }
            }
            return gone
        }
        // Let go outside the lock: the last holder of a handle clunks its fid.
        _ = consume gone
    }
}
