internal import CFUSE
internal import Glibc

/// The functions libfuse calls, one per operation: each turns C's arguments into ours and makes one call.
///
/// SAFETY, for all of them: libfuse's pointers (names, buffers, structures) are good until the function returns; what is kept is
/// copied here. A request is handed over once and owned by `FUSERequest` from then on.
enum OperationTable {
    static var all: fuse_lowlevel_ops {
        var operations = fuse_lowlevel_ops()
        unsafe operations.`init` = { userData, connection in
            guard let connection = unsafe connection else { return }
            let settings =
                unsafe SessionCore.of(userData).filesystem?.connectionSettings ?? ConnectionSettings()
            unsafe settings.apply(to: &connection.pointee)
        }
        addNames(&operations)
        addMaking(&operations)
        addFiles(&operations)
        addFileExtras(&operations)
        addDirectories(&operations)
        addExtendedAttributes(&operations)
        addLocks(&operations)
        return operations
    }

    /// The open file of an operation that always has one.
    @unsafe
    static func file(_ information: UnsafeMutablePointer<fuse_file_info>?) -> OpenFile {
        unsafe OpenFile(information?.pointee ?? fuse_file_info())
    }

    /// The open file of an operation that may have none.
    @unsafe
    static func optionalFile(_ information: UnsafeMutablePointer<fuse_file_info>?) -> OpenFile? {
        unsafe information.map { unsafe OpenFile($0.pointee) }
    }

    /// Bytes lent for the call.
    @unsafe
    static func lent(_ pointer: UnsafePointer<CChar>?, _ count: Int) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: pointer, count: pointer == nil ? 0 : count)
    }

    private static func addNames(_ operations: inout fuse_lowlevel_ops) {
        unsafe operations.lookup = { raw, parent, name in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            unsafe filesystem.lookup(request, FileName(name), in: InodeNumber(parent))
        }
        unsafe operations.forget = { raw, inode, count in
            let request = unsafe FUSERequest(raw)
            request.filesystem.forget(InodeNumber(inode), count: count)
            request.dismiss()
        }
        unsafe operations.forget_multi = { raw, count, list in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            unsafe UnsafeBufferPointer(start: list, count: count).forEach { entry in
                filesystem.forget(InodeNumber(entry.ino), count: entry.nlookup)
            }
            request.dismiss()
        }
        unsafe operations.getattr = { raw, inode, information in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            unsafe filesystem.getAttributes(
                request, of: InodeNumber(inode), file: OperationTable.optionalFile(information))
        }
        unsafe operations.setattr = { raw, inode, attributes, toSet, information in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            let changes = unsafe AttributeChanges(
                attributes?.pointee ?? stat(), toSet, OperationTable.optionalFile(information))
            filesystem.setAttributes(request, of: InodeNumber(inode), to: changes)
        }
        unsafe operations.readlink = { raw, inode in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            filesystem.readLink(request, InodeNumber(inode))
        }
        unsafe operations.statfs = { raw, inode in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            filesystem.statistics(request, of: InodeNumber(inode))
        }
        unsafe operations.access = { raw, inode, mask in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            filesystem.access(request, InodeNumber(inode), mask: mask)
        }
    }

    private static func addMaking(_ operations: inout fuse_lowlevel_ops) {
        unsafe operations.mknod = { raw, parent, name, mode, device in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            unsafe filesystem.makeNode(
                request, FileName(name), in: InodeNumber(parent), mode: mode, device: UInt64(device))
        }
        unsafe operations.mkdir = { raw, parent, name, mode in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            unsafe filesystem.makeDirectory(request, FileName(name), in: InodeNumber(parent), mode: mode)
        }
        unsafe operations.symlink = { raw, target, parent, name in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            unsafe filesystem.makeSymbolicLink(
                request, FileName(name), in: InodeNumber(parent), to: FileName(target))
        }
        unsafe operations.link = { raw, inode, parent, name in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            unsafe filesystem.makeLink(
                request, FileName(name), in: InodeNumber(parent), to: InodeNumber(inode))
        }
        unsafe operations.unlink = { raw, parent, name in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            unsafe filesystem.removeFile(request, FileName(name), in: InodeNumber(parent))
        }
        unsafe operations.rmdir = { raw, parent, name in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            unsafe filesystem.removeDirectory(request, FileName(name), in: InodeNumber(parent))
        }
        unsafe operations.rename = { raw, parent, name, newParent, newName, flags in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            unsafe filesystem.rename(
                request, FileName(name), in: InodeNumber(parent), to: FileName(newName),
                in: InodeNumber(newParent), flags: flags)
        }
    }
}
