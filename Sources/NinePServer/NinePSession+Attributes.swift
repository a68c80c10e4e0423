import LinuxSystem
import NineP
import Synchronization
import SystemPackage

/// getattr, setattr, statfs and readlink.
extension NinePSession {
    func attributes(of fid: Fid) throws(Errno) -> FileAttributes {
        let status = try fids.entry(fid).node().descriptor.status()
        var attributes = FileAttributes(
            valid: .basic, qid: try server.qids.qid(of: status), mode: status.mode,
            user: server.accounts.map.clientUser(of: status.user),
            group: server.accounts.map.clientGroup(of: status.group), linkCount: UInt64(status.linkCount),
            deviceNumber: status.specialDevice,
            size: status.size, blockSize: UInt64(status.blockSize), blocks: status.blocks)
        attributes.accessTime = FileTime(status.accessed)
        attributes.modificationTime = FileTime(status.modified)
        attributes.changeTime = FileTime(status.changed)
        if let born = status.born {
            attributes.birthTime = FileTime(born)
            attributes.valid.insert(.birthTime)
        }
        return attributes
    }

    /// Owner before mode, which a change of owner may take bits from; size before times, which it sets.
    func setAttributes(of fid: Fid, _ change: AttributeChange, on worker: Worker) throws(Errno) -> Reply {
        let entry = try fids.entry(fid)
        let node = try entry.node()
        try entry.requireChangeable()
        let times = try TimeChanges(change)
        let size = change.valid.contains(.size) ? try change.checkedSize() : nil
        let owner = try change.checkedOwner(server.accounts.map)
        try worker.act(as: entry.attachment.identity)
        if owner.user != nil || owner.group != nil {
            try node.descriptor.changeOwner(user: owner.user, group: owner.group)
        }
        if change.valid.contains(.mode) { try node.descriptor.changeMode(change.mode & 0o7777) }
        if let size {
            try worker.once(
                Effect(.resizing, [(node, record(of: node, entry))], numbers: [UInt64(size)])
            ) { () throws(Errno) in try resize(entry, node, to: size) }
        }
        if let times { try node.descriptor.changeTimes(accessed: times.accessed, modified: times.modified) }
        if change.valid == .changeTime { try node.descriptor.changeOwner(user: nil, group: nil) }
        server.qids.noteChange(of: node)
        return .setattr
    }

    /// A fid open for writing may do so whatever the permissions have become.
    private func resize(_ entry: FidEntry, _ node: Node, to size: Int64) throws(Errno) {
        if case .open(_, let file) = entry.current, file.canWrite, !file.isDirectory {
            return try file.description.resize(to: size)
        }
        switch node.kind {
        case .regular: try node.descriptor.truncate(to: size)
        case .directory: throw .isDirectory
        case .symbolicLink, .special: throw .invalidArgument
        }
    }

    func statistics(of fid: Fid) throws(Errno) -> FileSystemStatistics {
        let status = try fids.entry(fid).node().descriptor.fileSystemStatus()
        return FileSystemStatistics(
            type: status.type, blockSize: status.blockSize, blocks: status.blocks,
            freeBlocks: status.freeBlocks,
            availableBlocks: status.availableBlocks, files: status.files, freeFiles: status.freeFiles,
            identifier: status.identifier, maximumNameLength: status.maximumNameLength)
    }

    /// The target verbatim: resolving it is the client's.
    func readLink(_ fid: Fid) throws(Errno) -> Reply {
        let node = try fids.entry(fid).node()
        guard node.kind == .symbolicLink else { throw .invalidArgument }
        return .readlink(target: Name(try node.descriptor.linkTarget()))
    }
}

extension FileTime {
    init(_ time: FileStatus.Time) { self.init(seconds: time.seconds, nanoseconds: UInt64(time.nanoseconds)) }
}

extension AttributeChange {
    fileprivate func checkedSize() throws(Errno) -> Int64 {
        guard let size = Int64(exactly: size) else { throw .fileTooLarge }
        return size
    }

    /// As numbers of this system's. The number that means "nobody" must not come to mean "as it was"; and nothing is given
    /// to somebody who has no number here.
    fileprivate func checkedOwner(_ map: IdentityMap) throws(Errno) -> (user: UInt32?, group: UInt32?) {
        func number(_ asked: UInt32, _ mapped: (UInt32) -> UInt32?) throws(Errno) -> UInt32 {
            guard asked != .max, let number = mapped(asked) else { throw .invalidArgument }
            return number
        }
        return (
            valid.contains(.user) ? try number(user, map.serverUser) : nil,
            valid.contains(.group) ? try number(group, map.serverGroup) : nil
        )
    }
}

/// Which times a setattr sets, and to what.
private struct TimeChanges {
    let accessed: OwnedDescriptor.TimeChange
    let modified: OwnedDescriptor.TimeChange

    /// `nil` when it sets none.
    init?(_ change: AttributeChange) throws(Errno) {
        guard !change.valid.isDisjoint(with: [.accessTime, .modificationTime]) else { return nil }
        accessed = try TimeChanges.one(change, .accessTime, .accessTimeValue, change.accessTime)
        modified = try TimeChanges.one(
            change, .modificationTime, .modificationTimeValue, change.modificationTime)
    }

    private static func one(
        _ change: AttributeChange, _ bit: AttributeChange.Valid, _ valueBit: AttributeChange.Valid,
        _ time: FileTime
    ) throws(Errno) -> OwnedDescriptor.TimeChange {
        guard change.valid.contains(bit) else { return .unchanged }
        guard change.valid.contains(valueBit) else { return .now }
        guard time.nanoseconds < 1_000_000_000 else { throw .invalidArgument }
        return .at(seconds: time.seconds, nanoseconds: UInt32(time.nanoseconds))
    }
}
