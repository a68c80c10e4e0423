import CLinux
public import SystemPackage

/// Changes of a directory's names. The descriptor is the directory's; none of these follows a link.
extension OwnedDescriptor {
    public borrowing func makeDirectory(_ name: FileName, mode: UInt32) throws(Errno) {
        _ = try checked(unsafe clinux_make_directory(rawValue, name.terminated, mode))
    }

    /// A FIFO, socket, device or regular file, by the type bits of `mode`.
    public borrowing func makeNode(_ name: FileName, mode: UInt32, major: UInt32, minor: UInt32) throws(Errno)
    {
        _ = try checked(unsafe clinux_make_node(rawValue, name.terminated, mode, major, minor))
    }

    public borrowing func makeSymbolicLink(_ name: FileName, to target: KernelText) throws(Errno) {
        _ = try checked(unsafe clinux_make_symbolic_link(target.terminated, rawValue, name.terminated))
    }

    /// A further name here for the very inode of `file`.
    public borrowing func link(_ name: FileName, to file: borrowing OwnedDescriptor) throws(Errno) {
        _ = try checked(unsafe clinux_link(file.rawValue, rawValue, name.terminated))
    }

    public borrowing func rename(
        _ name: FileName, to newName: FileName, in newDirectory: borrowing OwnedDescriptor
    ) throws(Errno) {
        _ = try checked(
            unsafe clinux_rename(rawValue, name.terminated, newDirectory.rawValue, newName.terminated))
    }

    public borrowing func unlink(_ name: FileName, isDirectory: Bool) throws(Errno) {
        _ = try checked(unsafe clinux_unlink_in(rawValue, name.terminated, isDirectory ? 1 : 0))
    }
}
