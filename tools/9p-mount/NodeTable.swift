import FUSEMount
import NineP
import Synchronization

/// All nodes by number. The number is the server's own (qid.path), so that it stays while the file does.
final class NodeTable: Sendable {
    private let nodes: Mutex<[InodeNumber: Node]>
    let root: Node

    init(root fid: RemoteFid) {
        root = Node(.root, fid, at: nil)
        nodes = Mutex([.root: root])
    }

    subscript(inode: InodeNumber) -> Node? { nodes.withLock { $0[inode] } }

    /// Zero means nothing to the kernel and one is the root, so files with these numbers get others.
    static func inode(of qid: Qid) -> InodeNumber {
        InodeNumber(qid.path > 1 ? qid.path : qid.path | 1 << 63)
    }

    /// The node of what a walk to `place` led to, looked up once more.
    func adopt(_ fid: RemoteFid, _ qid: Qid, at place: Node.Place?) -> Node {
        let inode = NodeTable.inode(of: qid)
        let (node, isKnown) = nodes.withLock { nodes in
            if let node = nodes[inode] {
                // Counted under the table's lock, so that a forget under way does not drop it.
                node.countLookup()
                return (node, true)
            }
            let node = Node(inode, fid, at: place)
            nodes[inode] = node
            return (node, false)
        }
        if isKnown { node.replace(fid, at: place) } else { fid.cache.held(node) }
        return node
    }

    func forget(_ inode: InodeNumber, count: UInt64) {
        guard inode != .root else { return }
        let gone = nodes.withLock { nodes -> Node? in
            guard let node = nodes[inode], node.forget(count) else { return nil }
            nodes[inode] = nil
            return node
        }
        // Others may hold on to the node as the directory they were found in, but it needs no fid.
        guard let fid = gone?.takeFid() else { return }
        fid.cache.released()
    }

    var count: Int { nodes.withLock { $0.count } }
}
