import CLinux
public import SystemPackage

/// Things one thread, or this process, asks of the kernel once.
public enum FileServing {
    /// Clears the file-creation mask, of the calling thread alone where that is allowed: modes arrive already masked
    /// by the client.
    public static func clearCreationMask() { clinux_clear_creation_mask() }

    /// Raises the limit on open files as far as this process may; the limit then in force.
    public static func raiseDescriptorLimit() throws(Errno) -> Int {
        Int(try checked(clinux_raise_descriptor_limit()))
    }

    /// Processors this process may run on.
    public static var coreCount: Int { Int(clinux_core_count()) }
}
