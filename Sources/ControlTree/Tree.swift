/// A tree of nodes: what one FUSE session shows, served by one thread.
public final class Tree {
    public let root: Directory
    /// Where its root lies from the top of all trees, for messages: empty, or as `links/ep0/devices`.
    public let location: String
    /// Told of each refused request, before whoever asked is; from any thread.
    public var onRefusal: (@Sendable (RefusedRequest) -> Void)?
    /// Told when a node has another owner, group or mode.
    public var onGrant: ((Node) -> Void)?
    /// Told when somebody has made an object, which is theirs.
    public var onMake: ((Node) -> Void)?
    /// Told when a node, with all below it, has come to stand in the tree.
    public var onAdd: ((Node) -> Void)?
    /// Told from where an object was removed for good.
    public var onRemove: ((_ path: String) -> Void)?

    public init(root: Directory, location: String = "") {
        self.root = root
        self.location = location
        root.tree = self
    }

    /// Where a node, or a name in it, stands from the top of all trees.
    public func path(of node: Node, _ name: String? = nil) -> String {
        [location, node.path, name ?? ""].filter { !$0.isEmpty }.joined(separator: "/")
    }

    func report(
        _ operation: RefusedRequest.Operation, _ node: Node, _ name: String?, _ requester: Requester,
        _ refusal: Refusal
    ) {
        let path = path(of: node, name)
        onRefusal?(
            RefusedRequest(
                operation: operation, path: path, requester: requester, errno: refusal.errno,
                message: "\(path): \(refusal.message)"))
    }

    /// The same change, whose refusal is reported before it is answered. What is needed for that is taken now: the answer
    /// may come from another thread.
    func reporting(
        _ operation: RefusedRequest.Operation, _ node: Node, _ name: String?, _ change: PendingChange,
        _ alsoTell: @escaping @Sendable (String) -> Void = { _ in }
    ) -> PendingChange {
        let path = path(of: node, name)
        let (requester, sink) = (change.requester, onRefusal)
        return change.refused { refusal in
            let message = "\(path): \(refusal.message)"
            alsoTell(message)
            sink?(
                RefusedRequest(
                    operation: operation, path: path, requester: requester, errno: refusal.errno,
                    message: message))
        }
    }
}
