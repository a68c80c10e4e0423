import LinuxSystem
import NineP
import Synchronization
import SystemPackage

/// A fid as a journal keeps it: whose it is, which file, and how it was open.
struct FidRecord: Sendable {
    enum Stage: Sendable {
        case path
        case open(DataAccess)
        case xattrValue([UInt8])
        case xattrChange(name: [UInt8], byteCount: Int, flags: UInt32, value: [UInt8])
    }

    let user: UInt32
    var file: FileRecord
    let stage: Stage

    /// `nil` for one that was lost already: its record stays as it is.
    init?(_ entry: FidEntry, withHandle: Bool) {
        user = entry.attachment.identity.user
        let node: Node
        switch entry.current {
        case .path(let of): (node, stage) = (of, .path)
        case .open(let of, let file): (node, stage) = (of, .open(file.access))
        case .xattrValue(let of, let value): (node, stage) = (of, .xattrValue(value))
        case .xattrChange(let change):
            node = change.node
            stage = .xattrChange(
                name: change.name.bytes, byteCount: change.byteCount, flags: change.flags.rawValue,
                value: change.value)
        case .lost: return nil
        }
        file = FileRecord(node, in: entry.attachment.export, path: entry.path, withHandle: withHandle)
    }

    init?(_ bytes: [UInt8]) {
        var reader = JournalReader(bytes[...])
        guard let user = reader.take(UInt32.self), let file = FileRecord(from: &reader),
            let kind = reader.take(UInt8.self)
        else { return nil }
        (self.user, self.file) = (user, file)
        switch kind {
        case 0: stage = .path
        case 1:
            guard let access = reader.take(Int32.self) else { return nil }
            stage = .open(DataAccess(rawValue: access))
        case 2: stage = .xattrValue(reader.takeRest())
        case 3:
            guard let name = reader.takeBytes(), let count = reader.take(UInt32.self),
                let flags = reader.take(UInt32.self)
            else { return nil }
            stage = .xattrChange(
                name: name, byteCount: Int(count), flags: flags, value: reader.takeRest())
        default: return nil
        }
    }

    var encoded: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(160 + (file.path?.count ?? 0))
        bytes.put(user)
        file.encode(into: &bytes)
        switch stage {
        case .path: bytes.append(0)
        case .open(let access):
            bytes.append(1)
            bytes.put(access.rawValue)
        case .xattrValue(let value):
            bytes.append(2)
            bytes += value
        case .xattrChange(let name, let byteCount, let flags, let value):
            bytes.append(3)
            bytes.put(bytes: name)
            bytes.put(UInt32(byteCount))
            bytes.put(flags)
            bytes += value
        }
        return bytes
    }

    /// The fid's state anew.
    ///
    /// - Throws: `ESTALE` when its file cannot be reached or opened any more.
    func restored(among exports: [Export]) throws(Errno) -> (state: FidState, path: [UInt8]?) {
        let (node, path) = try file.find(among: exports)
        switch stage {
        case .path: return (.path(node), path)
        case .open(let access): return (.open(node, try OpenFile(reopening: node, access)), path)
        case .xattrValue(let value): return (.xattrValue(node, value), path)
        case .xattrChange(let name, let byteCount, let flags, let value):
            let name = try KernelText(untrusted: name, maximumByteCount: 255)
            return (
                .xattrChange(
                    XattrChange(
                        node: node, name: name, byteCount: byteCount, flags: XattrFlags(rawValue: flags),
                        value: value)), path
            )
        }
    }
}

extension OpenFile {
    /// What another process had open, with this process's rights: it was allowed when it was opened. An owner whose file
    /// does not let even its owner in (made with mode 0444, say) lets itself in for the moment.
    convenience init(reopening node: Node, _ access: DataAccess) throws(Errno) {
        guard node.kind == .regular || node.kind == .directory else { throw .staleNFSFileHandle }
        let access = access.subtracting([.truncate])
        let isDirectory = node.kind == .directory
        do throws(Errno) {
            self.init(try node.descriptor.reopened(access), access: access, isDirectory: isDirectory)
            directoryPosition.withLock { $0 = nil }
        } catch {
            guard error == .permissionDenied, let status = try? node.descriptor.status(),
                status.user == ProcessOwner.user
            else { throw .staleNFSFileHandle }
            do throws(Errno) { try node.descriptor.changeMode(status.mode & 0o7777 | 0o600) } catch {
                throw .staleNFSFileHandle
            }
            // The same owner could a moment ago; should it fail, the owner may read and write its file from now on.
            defer { try? node.descriptor.changeMode(status.mode & 0o7777) }
            do throws(Errno) {
                self.init(try node.descriptor.reopened(access), access: access, isDirectory: isDirectory)
            } catch { throw .staleNFSFileHandle }
        }
    }
}
