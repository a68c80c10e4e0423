import FUSEMount
import NineP
import NinePClient

/// The set-user-ID and set-group-ID bits, which a file loses when somebody without privilege changes what is in it.
enum SetIDBits {
    // ABI: S_ISUID, S_ISGID, S_IXGRP.
    private static let user: UInt32 = 0o4000
    private static let group: UInt32 = 0o2000
    private static let groupExecution: UInt32 = 0o10

    static let all = user | group

    static func areIn(_ mode: UInt32) -> Bool { mode & all != 0 }

    /// The permission bits that are left, as Linux leaves them: without group execution the second bit means something else,
    /// and stays with those who are in the group.
    static func left(of attributes: NineP.FileAttributes, changedBy caller: Caller) -> UInt32 {
        var mode = attributes.mode & 0o7777 & ~user
        if mode & groupExecution != 0 || !caller.isMember(of: attributes.group) { mode &= ~group }
        return mode
    }
}

extension RemoteTree {
    /// Where others write through this mount, the server sees the one user who attached, often root, and takes nothing away;
    /// for writes past the page cache the kernel does not either.
    func dropSetID(
        of node: Node, changedBy caller: Caller, _ interruption: Interruption
    ) throws(SessionError) {
        guard mayLoseSetID(node, caller) else { return }
        let attributes = try node.attributes(interruption)
        let mode = SetIDBits.left(of: attributes, changedBy: caller)
        guard mode != attributes.mode & 0o7777 else { return }
        var change = AttributeChange()
        (change.valid, change.mode) = (.mode, mode)
        try session.change(node.statusFid(interruption).fid, change, interruption: interruption)
        _ = try node.attributes(interruption)
    }

    /// The same for a change of size or owner, in one message. The kernel asks for a part of it by a mode.
    func dropSetID(
        of node: Node, with change: inout AttributeChange, by caller: Caller, _ interruption: Interruption
    ) throws(SessionError) {
        guard !change.valid.isDisjoint(with: [.size, .user, .group]), mayLoseSetID(node, caller) else {
            return
        }
        let attributes = try node.attributes(interruption)
        guard attributes.mode & FileType.mask != FileType.directory else { return }
        let left = SetIDBits.left(of: attributes, changedBy: caller)
        guard left != attributes.mode & 0o7777 else { return }
        change.mode = change.valid.contains(.mode) ? change.mode & (left | ~SetIDBits.all) : left
        change.valid.insert(.mode)
    }

    private func mayLoseSetID(_ node: Node, _ caller: Caller) -> Bool {
        settings.allowsOthers && caller.user != 0 && SetIDBits.areIn(node.lastMode)
    }
}
