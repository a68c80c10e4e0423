import LinuxSystem
import NineP
import SystemPackage

/// xattrwalk, xattrcreate, and what clunk applies.
extension NinePSession {
    /// The value is taken now and read from the new fid afterwards; an empty name asks for the list of names.
    func walkXattr(_ fid: Fid, to newFid: Fid, _ name: Name, on worker: Worker) throws(Errno) -> Reply {
        let entry = try fids.entry(fid)
        let node = try entry.node()
        try fids.requireUnused(newFid)
        try worker.act(as: entry.attachment.identity)
        let value: [UInt8] =
            if name.isEmpty {
                try node.descriptor.xattrNames()
            } else {
                try seen(node.descriptor.xattr(xattrName(name)), of: name)
            }
        try fids.insert(FidEntry(entry.attachment, .xattrValue(node, value), path: entry.path), as: newFid)
        return .xattrwalk(size: UInt64(value.count))
    }

    func createXattr(_ fid: Fid, _ name: Name, byteCount: UInt64, _ flags: XattrFlags) throws(Errno) -> Reply
    {
        let entry = try fids.entry(fid)
        let node = try entry.unopenedNode()
        try entry.requireChangeable()
        let name = try xattrName(name)
        guard byteCount <= UInt64(OwnedDescriptor.maximumXattrByteCount) else { throw .argListTooLong }
        guard flags.isSubset(of: [.create, .replace]), flags != [.create, .replace] else {
            throw .invalidArgument
        }
        let change = XattrChange(node: node, name: name, byteCount: Int(byteCount), flags: flags)
        try fids.beginXattr(entry, change)
        return .xattrcreate
    }

    /// Size zero takes the attribute away. A value that did not arrive whole is not applied.
    func apply(_ change: XattrChange, _ entry: FidEntry, on worker: Worker) throws(Errno) {
        let isSet = change.byteCount > 0
        guard change.value.count == change.byteCount, let value = own(change.value, of: change.name) else {
            throw .invalidArgument
        }
        let effect = Effect(
            .settingAttribute, [(change.node, record(of: change.node, entry))], names: [change.name.bytes],
            numbers: [isSet ? 1 : 0, JournalChecksum.of(value[...])])
        try worker.once(effect) { () throws(Errno) in
            if isSet {
                try change.node.descriptor.setXattr(
                    change.name, value, flags: CInt(change.flags.rawValue))
            } else {
                try change.node.descriptor.removeXattr(change.name)
            }
        }
        server.qids.noteChange(of: change.node)
    }

    /// A value as the client sees it: access lists have users and groups in them.
    private func seen(_ value: [UInt8], of name: Name) -> [UInt8] {
        name.bytes.isAccessListName ? server.accounts.map.clientAccessList(of: value) : value
    }

    /// As it is kept here; `nil` when it names somebody without a number here.
    private func own(_ value: [UInt8], of name: KernelText) -> [UInt8]? {
        name.bytes.isAccessListName ? server.accounts.map.serverAccessList(of: value) : value
    }

    private func xattrName(_ name: Name) throws(Errno) -> KernelText {
        guard name.bytes.count <= 255 else { throw .outOfRange }
        return try KernelText(untrusted: name.bytes, maximumByteCount: 255)
    }
}

extension [UInt8] {
    fileprivate var isAccessListName: Bool {
        elementsEqual("system.posix_acl_access".utf8) || elementsEqual("system.posix_acl_default".utf8)
    }
}
