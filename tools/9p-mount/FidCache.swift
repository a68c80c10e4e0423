import NinePClient
import Synchronization
import SystemPackage

/// Which nodes hold a fid, oldest first. The kernel knows more files than a server lets one client hold: beyond `capacity`
/// the nodes not asked about lately give theirs back, and walk again by name when they are.
final class FidCache: Sendable {
    static let capacity = 2048

    private struct State {
        var queue: [Node] = []
        var head = 0
        var heldCount = 0

        /// Drops nodes that gave their fid back by themselves, as those do that the kernel forgets.
        ///
        /// - Returns: what was dropped, to be let go of outside the lock.
        mutating func compact() -> [Node] {
            let old = queue
            var seen: Set<ObjectIdentifier> = []
            queue = old[head...].filter { $0.holdsFid && seen.insert(ObjectIdentifier($0)).inserted }
            head = 0
            return old
        }
    }

    private let state = Mutex(State())

    /// How many nodes hold a fid.
    var heldCount: Int { state.withLock { $0.heldCount } }

    /// How many nodes it remembers, those among them that hold no fid any more.
    var rememberedCount: Int { state.withLock { $0.queue.count - $0.head } }

    /// `node` holds a fid and did not before.
    func held(_ node: Node) {
        let (isFull, dropped) = state.withLock { state in
            state.heldCount += 1
            state.queue.append(node)
            let isCluttered = state.queue.count - state.head > 2 * FidCache.capacity
            return (state.heldCount > FidCache.capacity, isCluttered ? state.compact() : [])
        }
        _ = consume dropped
        if isFull { shrink(to: FidCache.capacity) }
    }

    /// A node let its fid go by itself.
    func released() { state.withLock { $0.heldCount -= 1 } }

    /// Has the oldest give theirs back until no more than `count` are held. Clunks them before it returns.
    func shrink(to count: Int) {
        var attempts = 2 * FidCache.capacity
        while attempts > 0, let node = nextToRelease(above: count) {
            attempts -= 1
            if node.wasUsed() {
                state.withLock { $0.queue.append(node) }
            } else if let fid = node.takeFid() {
                released()
                _ = consume fid
            }
        }
    }

    /// Runs `body`, once more where the server had no room: half of the nodes then have given theirs back.
    func makingRoom<Value>(_ body: () throws(SessionError) -> Value) throws(SessionError) -> Value {
        do throws(SessionError) {
            return try body()
        } catch {
            guard error == .refused(.tooManyOpenFiles) || error == .refused(.tooManyOpenFilesInSystem) else {
                throw error
            }
            shrink(to: heldCount / 2)
            return try body()
        }
    }

    private func nextToRelease(above count: Int) -> Node? {
        state.withLock { state in
            guard state.heldCount > count, state.head < state.queue.count else { return nil }
            let node = state.queue[state.head]
            state.head += 1
            if state.head > 1024, state.head > state.queue.count / 2 {
                state.queue.removeFirst(state.head)
                state.head = 0
            }
            return node
        }
    }
}
