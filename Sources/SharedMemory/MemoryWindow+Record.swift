public import LinuxSystem
public import SystemPackage

extension MemoryWindow {
    /// A record of this process's own, mapped: what is stored there outlives it.
    public init(_ record: borrowing MappedRecord) throws(Errno) {
        self = unsafe MemoryWindow(try record.map())
    }
}
