import FUSEMount
import NineP
import Synchronization

/// All nodes by number. The number is the server's own (qid.path), so that it stays while the file does. A server may give it
/// to another file once the first is gone and we hold no fid of it; while the kernel still knows the first, the other gets a
/// number of our own.
final class NodeTable: Sendable {
    private struct State {
        var nodes: [InodeNumber: Node] = [:]
        /// Numbers of our own, by the server's.
        var ownNumbers: [InodeNumber: InodeNumber] = [:]

        /// Where the file is, or is to be.
        mutating func number(of origin: InodeNumber, born: NineP.FileTime?) -> InodeNumber {
            var number = ownNumbers[origin] ?? origin
            guard let node = nodes[number], !node.isFile(origin, born: born) else { return number }
            repeat { number = InodeNumber(UInt64.random(in: 2 ... .max)) } while nodes[number] != nil
            ownNumbers[origin] = number
            return number
        }
    }

    private let state: Mutex<State>
    let root: Node

    init(root fid: RemoteFid) {
        root = Node(.root, fid, at: nil)
        state = Mutex(State(nodes: [.root: root]))
    }

    subscript(inode: InodeNumber) -> Node? { state.withLock { $0.nodes[inode] } }

    /// Zero means nothing to the kernel and one is the root, so files with these numbers get others.
    static func inode(of qid: Qid) -> InodeNumber {
        InodeNumber(qid.path > 1 ? qid.path : qid.path | 1 << 63)
    }

    /// The node of what a walk to `place` led to, looked up once more.
    ///
    /// - Parameter born: tells it from an earlier file of its number; `nil` where the server does not say.
    func adopt(_ fid: RemoteFid, _ qid: Qid, born: NineP.FileTime? = nil, at place: Node.Place?) -> Node {
        let origin = NodeTable.inode(of: qid)
        let (node, isKnown) = state.withLock { state in
            let inode = state.number(of: origin, born: born)
            if let node = state.nodes[inode] {
                // Counted under the table's lock, so that a forget under way does not drop it.
                node.countLookup()
                return (node, true)
            }
            let node = Node(inode, of: origin, born: born, fid, at: place)
            state.nodes[inode] = node
            return (node, false)
        }
        if isKnown { node.replace(fid, at: place) } else { fid.cache.held(node) }
        return node
    }

    /// A file is at `place` now, as a walk there has just found.
    func moved(_ fid: RemoteFid, _ qid: Qid, to place: Node.Place) {
        let origin = NodeTable.inode(of: qid)
        let node = state.withLock { state in state.nodes[state.ownNumbers[origin] ?? origin] }
        if let node, node.origin == origin { node.replace(fid, at: place) }
    }

    func forget(_ inode: InodeNumber, count: UInt64) {
        guard inode != .root else { return }
        let gone = state.withLock { state -> Node? in
            guard let node = state.nodes[inode], node.forget(count) else { return nil }
            state.nodes[inode] = nil
            if state.ownNumbers[node.origin] == inode { state.ownNumbers[node.origin] = nil }
            return node
        }
        // Others may hold on to the node as the directory they were found in, but it needs no fid.
        guard let fid = gone?.takeFid() else { return }
        fid.cache.released()
    }

    var count: Int { state.withLock { $0.nodes.count } }
}
