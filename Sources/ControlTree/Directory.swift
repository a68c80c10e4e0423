internal import SystemPackage

/// A node with children. Its owner adds and removes them; with hooks, `mkdir` and `rmdir` do.
public final class Directory: Node {
    /// Makes the object that `mkdir` asks for; the directory adds what it returns. Thrown: the caller's fault.
    public typealias Maker = (_ name: String, _ requester: Requester) throws(Refusal) -> Node
    /// Removes the object that `rmdir` asks for: takes the child out with `remove`, then answers, now or later.
    public typealias Remover = (_ name: String, _ change: PendingChange) -> Void

    public struct Child {
        public let name: String
        public let node: Node
        /// Grows with each child ever added; what a listing goes on from.
        public let position: UInt64
    }

    /// In the order in which they were added.
    public private(set) var children: [Child] = []
    private var indexByName: [String: Int] = [:]
    private var lastPosition: UInt64 = 0
    /// `nil`: `mkdir` is refused (EPERM).
    public var maker: Maker?
    /// `nil`: `rmdir` is refused (EPERM).
    public var remover: Remover?

    /// - Parameter mode: the owner needs the write bit where `mkdir` and `rmdir` are allowed.
    public override init(mode: UInt32 = 0o755) { super.init(mode: mode) }

    public subscript(name: String) -> Node? { indexByName[name].map { children[$0].node } }

    /// Adds a child.
    ///
    /// - Precondition: the name is free, and neither empty, ".", "..", nor with a slash in it.
    @discardableResult
    public func add<Added: Node>(_ name: String, _ node: Added) -> Added {
        precondition(indexByName[name] == nil, "\(name) stands in \(path) already")
        precondition(
            !name.isEmpty && name != "." && name != ".." && !name.contains("/"), "no name for a node: \(name)"
        )
        lastPosition += 1
        node.name = name
        node.parent = self
        indexByName[name] = children.count
        children.append(Child(name: name, node: node, position: lastPosition))
        noteChange()
        if let tree = owningTree { tree.onAdd?(node) }
        return node
    }

    /// Adds a directory of its own for what belongs together.
    @discardableResult
    public func addDirectory(_ name: String, mode: UInt32 = 0o555, _ fill: (Directory) -> Void = { _ in })
        -> Directory
    {
        let directory = add(name, Directory(mode: mode))
        fill(directory)
        return directory
    }

    /// Takes a child out, with all below it. What is still open of it answers `ENODEV`.
    ///
    /// - Parameter isForGood: false for one that may come back by itself, and is the same then.
    public func remove(_ name: String, isForGood: Bool = true) {
        guard let index = indexByName[name] else { return }
        if isForGood, let tree = owningTree { tree.onRemove?(children[index].node.path) }
        children[index].node.detach()
        children.remove(at: index)
        indexByName = [:]
        for (index, child) in children.enumerated() { indexByName[child.name] = index }
        noteChange()
    }

    override func detach() {
        super.detach()
        for child in children { child.node.detach() }
    }

    public override func noteChangeThroughout() {
        for child in children { child.node.noteChangeThroughout() }
    }

    public override func assign(user: UInt32, group: UInt32) {
        super.assign(user: user, group: group)
        for child in children { child.node.assign(user: user, group: group) }
    }
}

/// What `mkdir`, `rmdir` and `unlink` ask.
extension Directory {
    /// Makes the object `name`, which then belongs to whoever asked.
    ///
    /// - Throws: `EPERM` where nothing can be made, `EINVAL` for a name that no object may have, `EEXIST`; else what the
    ///   maker says.
    public func make(_ name: String, for requester: Requester) throws(Refusal) -> Node {
        do throws(Refusal) {
            guard let maker else { throw Refusal(.notPermitted, "nothing can be made here") }
            guard self[name] == nil else { throw Refusal(.fileExists, "exists already; choose another name") }
            let format = ValueFormat<String>.name
            // Blanks around a value do not count, but those around a name are part of it.
            guard try format.parse(name) == name else {
                throw .form(name, "has blanks around it", allowed: format.allowed)
            }
            let node = try maker(name, requester)
            node.assign(user: requester.user, group: requester.group)
            add(name, node)
            if let tree = owningTree { tree.onMake?(node) }
            return node
        } catch {
            owningTree?.report(.make, self, name, requester, error)
            throw error
        }
    }

    /// Removes the object `name`. Whoever removes it answers `change`.
    public func remove(_ name: String, answering change: PendingChange) {
        let reported = owningTree?.reporting(.remove, self, name, change) ?? change
        guard let node = self[name] else {
            reported.refuse(Refusal(.noSuchFileOrDirectory, "does not exist"))
            return
        }
        guard node is Directory else {
            reported.refuse(Refusal(.notDirectory, "is a file; it goes with the object it belongs to"))
            return
        }
        guard let remover else {
            reported.refuse(
                Refusal(.notPermitted, "cannot be removed; it belongs to the object it stands in"))
            return
        }
        remover(name, reported)
    }
}
