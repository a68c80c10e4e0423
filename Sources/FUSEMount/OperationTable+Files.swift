internal import CFUSE
internal import Glibc

// SAFETY: as `OperationTable` says for all of them.
extension OperationTable {
    static func addFiles(_ operations: inout fuse_lowlevel_ops) {
        unsafe operations.create = { raw, parent, name, mode, information in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            unsafe filesystem.create(
                request, FileName(name), in: InodeNumber(parent), mode: mode,
                file: OperationTable.file(information))
        }
        unsafe operations.open = { raw, inode, information in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            unsafe filesystem.open(request, InodeNumber(inode), file: OperationTable.file(information))
        }
        unsafe operations.read = { raw, inode, byteCount, offset, information in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            unsafe filesystem.read(
                request, InodeNumber(inode), byteCount: byteCount, at: UInt64(clamping: offset),
                file: OperationTable.file(information))
        }
        unsafe operations.write = { raw, inode, bytes, byteCount, offset, information in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            let buffer = unsafe OperationTable.lent(bytes, byteCount)
            unsafe filesystem.write(
                request, InodeNumber(inode), buffer.bytes, at: UInt64(clamping: offset),
                file: OperationTable.file(information))
        }
        unsafe operations.flush = { raw, inode, information in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            unsafe filesystem.flush(request, InodeNumber(inode), file: OperationTable.file(information))
        }
        unsafe operations.release = { raw, inode, information in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            unsafe filesystem.release(request, InodeNumber(inode), file: OperationTable.file(information))
        }
    }

    static func addFileExtras(_ operations: inout fuse_lowlevel_ops) {
        unsafe operations.fsync = { raw, inode, dataOnly, information in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            unsafe filesystem.synchronize(
                request, InodeNumber(inode), dataOnly: dataOnly != 0, file: OperationTable.file(information))
        }
        unsafe operations.fallocate = { raw, inode, mode, offset, byteCount, information in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            unsafe filesystem.allocate(
                request, InodeNumber(inode), mode: mode, offset: UInt64(clamping: offset),
                byteCount: UInt64(clamping: byteCount), file: OperationTable.file(information))
        }
        unsafe operations.lseek = { raw, inode, offset, whence, information in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            unsafe filesystem.seek(
                request, InodeNumber(inode), offset: UInt64(clamping: offset), whence: whence,
                file: OperationTable.file(information))
        }
        unsafe operations.poll = { raw, inode, information, handle in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            let wanted = unsafe PollHandle(handle, for: request)
            unsafe filesystem.poll(
                request, InodeNumber(inode), file: OperationTable.file(information), handle: wanted)
        }
    }

    static func addDirectories(_ operations: inout fuse_lowlevel_ops) {
        unsafe operations.opendir = { raw, inode, information in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            unsafe filesystem.openDirectory(
                request, InodeNumber(inode), file: OperationTable.file(information))
        }
        unsafe operations.readdir = { raw, inode, byteCount, offset, information in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            unsafe filesystem.readDirectory(
                request, InodeNumber(inode), byteCount: byteCount, at: UInt64(clamping: offset),
                file: OperationTable.file(information))
        }
        unsafe operations.readdirplus = { raw, inode, byteCount, offset, information in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            unsafe filesystem.readDirectoryPlus(
                request, InodeNumber(inode), byteCount: byteCount, at: UInt64(clamping: offset),
                file: OperationTable.file(information))
        }
        unsafe operations.releasedir = { raw, inode, information in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            unsafe filesystem.releaseDirectory(
                request, InodeNumber(inode), file: OperationTable.file(information))
        }
        unsafe operations.fsyncdir = { raw, inode, dataOnly, information in
            let request = unsafe FUSERequest(raw)
            let filesystem = request.filesystem
            unsafe filesystem.synchronizeDirectory(
                request, InodeNumber(inode), dataOnly: dataOnly != 0, file: OperationTable.file(information))
        }
    }
}
