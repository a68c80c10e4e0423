public import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// Who may do what with a node: its owner, its group, and the permission bits for each.
public struct Ownership: Hashable, Sendable {
    public var user: UInt32
    public var group: UInt32
    /// Permission bits alone (0o7777).
    public var mode: UInt32

    /// Whoever is not named is the one who runs this process.
    public init(user: UInt32 = ProcessOwner.user, group: UInt32 = ProcessOwner.group, mode: UInt32) {
        self.user = user
        self.group = group
        self.mode = mode & 0o7777
    }
}

/// What stands at one place of a tree: a `Directory`, or a file that can be opened.
///
/// A node belongs to one tree and is touched by the thread that serves it, and by no other.
public class Node {
    private static let lastNumber = Atomic<UInt64>(1)

    /// Never used twice by a process; 1 is left for roots.
    public let number: UInt64
    /// Differs from that of an object that stood here before, also in another process's time.
    public let generation: UInt64
    /// Its name in `parent`; empty for a root.
    public internal(set) var name = ""
    public internal(set) weak var parent: Directory?
    public internal(set) var ownership: Ownership
    /// When what it shows last changed.
    public internal(set) var changeTime: WallTime
    /// Set on the root alone.
    weak var tree: Tree?
    /// False once it, or what it was in, has been removed: what is still open of it answers `ENODEV`.
    public internal(set) var isAttached = true

    init(mode: UInt32) {
        // ORDER: relaxed; only has to differ, whatever else threads see.
        number = Self.lastNumber.add(1, ordering: .relaxed).newValue
        changeTime = .now
        generation = UInt64(bitPattern: changeTime.sinceEpoch)
        ownership = Ownership(mode: mode)
    }

    /// The path from the tree's root, without a slash at either end; empty for the root.
    public var path: String {
        guard let parent else { return name }
        let above = parent.path
        return above.isEmpty ? name : "\(above)/\(name)"
    }

    /// The root's tree, however deep this lies.
    var owningTree: Tree? {
        var node: Node = self
        while let parent = node.parent { node = parent }
        return node.tree
    }

    /// The bytes `stat` shows.
    public var byteCount: UInt64 { 0 }

    /// Gives the node, and what is in it, to somebody; the modes stay.
    public func assign(user: UInt32, group: UInt32) {
        ownership.user = user
        ownership.group = group
    }

    /// What a `chown` or `chmod` asked for, which the kernel has allowed: kept, and told to the tree's owner.
    public func grant(_ ownership: Ownership) {
        self.ownership = ownership
        owningTree?.onGrant?(self)
    }

    /// As it was granted in an earlier process's time.
    public func restore(_ ownership: Ownership) { self.ownership = ownership }

    func detach() { isAttached = false }

    /// Says that what it shows has changed. Wakes who polls it.
    public func noteChange() { changeTime = .now }

    /// Says so of it and of all below it.
    public func noteChangeThroughout() { noteChange() }

    /// Opens it, where it is a file.
    ///
    /// - Throws: `Refusal`: the caller's fault.
    public func open(_ opening: Opening) throws(Refusal) -> any OpenNode {
        throw Refusal(.isDirectory, "is a directory; open a file in it")
    }
}
