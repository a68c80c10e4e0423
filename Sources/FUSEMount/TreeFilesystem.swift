public import ControlTree
internal import LinuxSystem
internal import SystemPackage

/// A control tree as a filesystem: belongs to one session, which one thread serves; that thread alone touches the tree.
///
/// ```swift
/// let session = try FUSESession(TreeFilesystem(tree), at: "/run/vop/host", .controlTree(allowsOthers: true))
/// ```
public final class TreeFilesystem: FUSEFilesystem {
    private struct Known {
        let node: Node
        var lookupCount: UInt64
    }

    struct Opened {
        let node: any OpenNode
        let signal: PollSignal
        /// Who is counted for it.
        let stranger: UInt32?
    }

    let tree: Tree
    /// What the kernel knows by number, the root apart.
    private var known: [UInt64: Known] = [:]
    var opened: [UInt64: Opened] = [:]
    var lastHandle: UInt64 = 0
    var strangers = StrangerCounts()

    public init(_ tree: Tree) { self.tree = tree }

    /// Nothing is cached, since values change without the kernel's doing.
    public var connectionSettings: ConnectionSettings {
        ConnectionSettings([.atomicTruncation, .asynchronousDirectIO, .parallelDirectoryOperations])
    }

    public func sessionEnded() {
        for file in opened.values {
            file.node.close()
            file.signal.drop()
        }
        (opened, strangers) = ([:], StrangerCounts())
        known = [:]
    }

    // MARK: Nodes by number

    func node(_ inode: InodeNumber) -> Node? { inode == .root ? tree.root : known[inode.rawValue]?.node }

    func directory(_ inode: InodeNumber) -> Directory? { node(inode) as? Directory }

    private func number(of node: Node) -> InodeNumber {
        node === tree.root ? .root : InodeNumber(node.number)
    }

    private func attributes(of node: Node) -> FileAttributes {
        let isDirectory = node is Directory
        var attributes = FileAttributes(
            inode: number(of: node), mode: (isDirectory ? 0o040000 : 0o100000) | node.ownership.mode)
        let time = FileTime(seconds: node.changeTime.seconds, nanoseconds: node.changeTime.nanoseconds)
        attributes.user = node.ownership.user
        attributes.group = node.ownership.group
        attributes.byteCount = node.byteCount
        // A stream has no blocks; without them `cp` would look for holes in an attribute.
        attributes.blockCount = node is StreamNode ? 0 : (node.byteCount + 511) / 512
        attributes.accessTime = time
        attributes.modificationTime = time
        attributes.changeTime = time
        if let directory = node as? Directory {
            attributes.linkCount = 2 + UInt64(directory.children.count { $0.node is Directory })
        }
        return attributes
    }

    private func reply(_ request: consuming FUSERequest, entryFor node: Node) {
        guard request.reply(Entry(attributes(of: node), generation: node.generation)).isDelivered else {
            return
        }
        known[node.number, default: Known(node: node, lookupCount: 0)].lookupCount += 1
    }

    // MARK: Names

    public func lookup(_ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber) {
        guard let text = name.text, let node = directory(parent)?[text] else {
            request.replyNoEntry()
            return
        }
        reply(request, entryFor: node)
    }

    public func forget(_ inode: InodeNumber, count: UInt64) {
        guard let entry = known[inode.rawValue] else { return }
        let rest = entry.lookupCount - min(count, entry.lookupCount)
        known[inode.rawValue] = rest == 0 ? nil : Known(node: entry.node, lookupCount: rest)
    }

    public func getAttributes(_ request: consuming FUSERequest, of inode: InodeNumber, file: OpenFile?) {
        guard let node = node(inode) else {
            request.fail(.staleNFSFileHandle)
            return
        }
        request.reply(attributes(of: node))
    }

    /// Owner, group and mode, as the kernel has allowed. Sizes and times are the node's own: a truncation, which every
    /// redirection asks for, and a `touch` change nothing.
    public func setAttributes(
        _ request: consuming FUSERequest, of inode: InodeNumber, to changes: AttributeChanges
    ) {
        guard let node = node(inode) else {
            request.fail(.staleNFSFileHandle)
            return
        }
        var ownership = node.ownership
        ownership.user = changes.user ?? ownership.user
        ownership.group = changes.group ?? ownership.group
        ownership.mode = (changes.mode ?? ownership.mode) & 0o7777
        if ownership != node.ownership { node.grant(ownership) }
        request.reply(attributes(of: node))
    }

    public func makeDirectory(
        _ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber, mode: UInt32
    ) {
        guard let directory = directory(parent), let text = name.text else {
            request.fail(.invalidArgument)
            return
        }
        let made: Node
        do throws(Refusal) { made = try directory.make(text, for: Requester(request.caller)) } catch {
            request.fail(error.errno)
            return
        }
        reply(request, entryFor: made)
    }

    public func removeDirectory(_ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber) {
        guard let directory = directory(parent), let text = name.text else {
            request.fail(.noSuchFileOrDirectory)
            return
        }
        let requester = Requester(request.caller)
        let kept = KeptRequest(request)
        directory.remove(text, answering: Self.change(requester, kept) { $0.succeed() })
        if !kept.isOver { kept.heedInterrupts() }
    }

    /// The change whose answer answers `kept`.
    static func change(
        _ requester: Requester, _ kept: KeptRequest,
        _ succeed: @escaping @Sendable (consuming FUSERequest) -> Delivery
    ) -> PendingChange {
        PendingChange(requester) { refusal in
            _ = kept.answer { request in
                guard let refusal else { return succeed(request) }
                return request.fail(refusal.errno)
            }
        }
    }

    // MARK: What a tree has no place for

    public func removeFile(_ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber) {
        request.fail(.notPermitted)
    }

    public func makeNode(
        _ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber, mode: UInt32,
        device: UInt64
    ) { request.fail(.notPermitted) }

    public func create(
        _ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber, mode: UInt32,
        file: OpenFile
    ) { request.fail(.notPermitted) }

    public func makeSymbolicLink(
        _ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber, to target: FileName
    ) { request.fail(.notPermitted) }

    public func makeLink(
        _ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber, to inode: InodeNumber
    ) { request.fail(.notPermitted) }

    public func rename(
        _ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber, to newName: FileName,
        in newParent: InodeNumber, flags: UInt32
    ) { request.fail(.notPermitted) }
}

extension MountOptions {
    /// How control trees are mounted: the kernel checks owner, group and mode.
    ///
    /// - Parameter allowsOthers: true for root's trees; an ordinary user's are for that user.
    public static func controlTree(subtype: String = "vop", allowsOthers: Bool) -> MountOptions {
        var options = MountOptions(source: "vop", subtype: subtype)
        options.checksPermissions = true
        options.allowsOthers = allowsOthers
        options.isWithoutExecution = true
        return options
    }
}
