import NineP

#if arch(arm) || arch(arm64)
    /// ABI: asm/fcntl.h of this architecture.
    private let (systemDirectory, systemNoFollow): (CInt, CInt) = (0o40000, 0o100000)
#else
    private let (systemDirectory, systemNoFollow): (CInt, CInt) = (0o200000, 0o400000)
#endif

extension OpenFlags {
    /// The protocol's flags for open(2)'s.
    ///
    /// O_DIRECT stays here: the protocol has no alignment rule, and the server's disk may have one. So do flags that mean
    /// nothing to another machine (O_CLOEXEC, O_NONBLOCK on files, O_NOCTTY).
    init(system flags: CInt) {
        self.init(rawValue: UInt32(flags & 0o3))
        func carry(_ system: CInt, _ flag: OpenFlags) { if flags & system == system { insert(flag) } }
        carry(0o200, .exclusive)
        carry(0o1000, .truncate)
        carry(0o2000, .append)
        carry(0o10000, .dataSync)
        carry(0o4010000, .sync)
        carry(0o1000000, .noAccessTime)
        carry(systemDirectory, .directory)
        carry(systemNoFollow, .noFollow)
    }
}
