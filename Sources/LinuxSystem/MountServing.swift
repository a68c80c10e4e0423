import CLinux
public import SystemPackage

/// What a process that serves a mount asks of the kernel.
public enum MountServing {
    /// Reads of a /dev/fuse descriptor wait from now on, and each request wakes one thread.
    public static func makeBlocking(_ descriptor: CInt) throws(Errno) {
        _ = try checked(clinux_make_blocking(descriptor))
    }

    /// Has the kernel write back what it keeps of the file system at `path`. Waits for that.
    public static func synchronize(_ path: String) throws(Errno) {
        _ = try checked(unsafe clinux_sync_file_system(path))
    }

    /// Where allowed: writing back memory through us must not wait for memory to be written back.
    public static func becomeFlusher() { _ = clinux_become_io_flusher() }
}
