public import LinuxSystem
public import SystemPackage

/// What serving needs of the file system, by path: whatever a client has this process do, the kernel refuses the rest.
extension LandlockRuleset {
    /// An export's tree, with the mounts in it. Nothing is ever run there, and no device controlled.
    public borrowing func allow(_ export: Export) throws(Errno) {
        try allow(export.policy.access, beneath: export.root.descriptor)
    }

    /// Journals, which come and go.
    public borrowing func allow(_ journals: JournalDirectory) throws(Errno) {
        try allow([.readDirectory, .readFile, .truncate, .replaceFile], beneath: journals.path)
    }

    /// What the kernel says of processes: which client is which. The memory of others stays closed: it is for who may trace
    /// them, which Landlock forbids.
    public borrowing func allowProcesses() throws(Errno) { try allow(.readFile, beneath: "/proc") }
}

extension LandlockRuleset.Access {
    /// A regular file is written beside another, and put in its place.
    public static let replaceFile: Self = [.writeFile, .truncate, .makeFile, .removeFile]
}

extension Export.Policy {
    fileprivate var access: LandlockRuleset.Access {
        var access: LandlockRuleset.Access = [.readFile, .readDirectory]
        guard !isReadOnly else { return access }
        access.formUnion([
            .writeFile, .truncate, .makeFile, .makeDirectory, .makeSymbolicLink, .makeFIFO, .makeSocket,
            .removeFile, .removeDirectory, .refer,
        ])
        if allowsDeviceNodes { access.formUnion([.makeCharacterDevice, .makeBlockDevice]) }
        return access
    }
}
