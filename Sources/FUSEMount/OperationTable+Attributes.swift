internal import CFUSE
internal import Glibc

// SAFETY: as `OperationTable` says for all of them.
extension OperationTable {
    static func addExtendedAttributes(_ operations: inout fuse_lowlevel_ops) {
        unsafe operations.setxattr = { raw, inode, name, value, byteCount, flags in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            let buffer = unsafe OperationTable.lent(value, byteCount)
            unsafe filesystem.setExtendedAttribute(
                request, InodeNumber(inode), FileName(name), to: buffer.bytes, flags: flags)
        }
        unsafe operations.getxattr = { raw, inode, name, capacity in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            unsafe filesystem.getExtendedAttribute(
                request, InodeNumber(inode), FileName(name), capacity: capacity)
        }
        unsafe operations.listxattr = { raw, inode, capacity in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            filesystem.listExtendedAttributes(request, InodeNumber(inode), capacity: capacity)
        }
        unsafe operations.removexattr = { raw, inode, name in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            unsafe filesystem.removeExtendedAttribute(request, InodeNumber(inode), FileName(name))
        }
    }

    static func addLocks(_ operations: inout fuse_lowlevel_ops) {
        unsafe operations.getlk = { raw, inode, information, lock in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            unsafe filesystem.getLock(
                request, InodeNumber(inode), FileLock(lock?.pointee ?? Glibc.flock()),
                file: OperationTable.file(information))
        }
        unsafe operations.setlk = { raw, inode, information, lock, waits in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            unsafe filesystem.setLock(
                request, InodeNumber(inode), FileLock(lock?.pointee ?? Glibc.flock()), waits: waits != 0,
                file: OperationTable.file(information))
        }
        unsafe operations.flock = { raw, inode, information, operation in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            unsafe filesystem.setWholeFileLock(
                request, InodeNumber(inode), WholeFileLock(operation: operation),
                file: OperationTable.file(information))
        }
    }
}
