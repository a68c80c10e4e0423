import CLinux
public import SystemPackage

/// Which files a thread, and those it starts, may reach by a path from some moment on, and how: the rest answers EACCES
/// (landlock(7)). What is open stays open, names can still be looked at, and no right is ever given back.
///
/// Handles everything that the kernel knows of: TCP ports and processes and abstract sockets of others, too, for none of
/// which there is a rule.
public struct LandlockRuleset: ~Copyable, Sendable {
    /// What may be done beneath a directory. ABI: LANDLOCK_ACCESS_FS_….
    public struct Access: OptionSet, Sendable {
        public let rawValue: UInt64
        public init(rawValue: UInt64) { self.rawValue = rawValue }
        private init(bit: UInt64) { rawValue = 1 << bit }

        public static let execute = Access(bit: 0)
        public static let writeFile = Access(bit: 1)
        public static let readFile = Access(bit: 2)
        public static let readDirectory = Access(bit: 3)
        public static let removeDirectory = Access(bit: 4)
        public static let removeFile = Access(bit: 5)
        public static let makeCharacterDevice = Access(bit: 6)
        public static let makeDirectory = Access(bit: 7)
        public static let makeFile = Access(bit: 8)
        public static let makeSocket = Access(bit: 9)
        public static let makeFIFO = Access(bit: 10)
        public static let makeBlockDevice = Access(bit: 11)
        public static let makeSymbolicLink = Access(bit: 12)
        /// Links and renames from one directory to another.
        public static let refer = Access(bit: 13)
        /// Known since version 3.
        public static let truncate = Access(bit: 14)
        /// ioctl on devices. Known since version 5.
        public static let controlDevice = Access(bit: 15)

        fileprivate static func known(by version: CInt) -> Access {
            Access(rawValue: 1 << (version >= 5 ? 16 : version >= 3 ? 15 : 14) - 1)
        }
    }

    private let descriptor: OwnedDescriptor
    private let handled: Access

    /// - Throws: `ENOSYS` or `EOPNOTSUPP` where the kernel has no Landlock, or one of version 1, which lets nobody rename
    ///   from one directory to another.
    public init() throws(Errno) {
        let version = try checked(clinux_landlock_version())
        guard version >= 2 else { throw .notSupported }
        let handled = Access.known(by: version)
        // ABI: bind and connect of TCP; abstract unix sockets and signals.
        let ruleset = clinux_landlock_ruleset(handled.rawValue, version >= 4 ? 3 : 0, version >= 6 ? 3 : 0)
        self.init(OwnedDescriptor(owning: try checked(ruleset)), handled)
    }

    private init(_ descriptor: consuming OwnedDescriptor, _ handled: Access) {
        self.handled = handled
        self.descriptor = descriptor
    }

    /// Allows it beneath the directory at `path`, as that directory, wherever it is moved: links are followed now.
    public borrowing func allow(_ access: Access, beneath path: String) throws(Errno) {
        try allow(access, beneath: OwnedDescriptor.root(at: path))
    }

    public borrowing func allow(_ access: Access, beneath place: borrowing OwnedDescriptor) throws(Errno) {
        let access = access.intersection(handled)
        _ = try checked(clinux_landlock_allow(descriptor.rawValue, place.rawValue, access.rawValue))
    }

    /// Holds the calling thread, and every one that is started from here on, to it. Those that run already are not.
    public consuming func enforce() throws(Errno) {
        _ = try checked(clinux_landlock_restrict(descriptor.rawValue))
    }
}
