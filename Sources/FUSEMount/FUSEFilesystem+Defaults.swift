internal import SystemPackage

/// What an operation answers when a filesystem does not write it. `ENOSYS` makes the kernel stop asking where it has an answer
/// of its own: a flush, a synchronisation, an access check succeed, locks stay local, a poll finds everything ready.
extension FUSEFilesystem {
    public var connectionSettings: ConnectionSettings { ConnectionSettings() }
    public func sessionEnded() {}
    public func lookup(_ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber) {
        request.fail(.noSuchFileOrDirectory)
    }
    public func forget(_ inode: InodeNumber, count: UInt64) {}
    public func getAttributes(_ request: consuming FUSERequest, of inode: InodeNumber, file: OpenFile?) {
        request.fail(.noFunction)
    }
    public func setAttributes(
        _ request: consuming FUSERequest, of inode: InodeNumber, to changes: AttributeChanges
    ) { request.fail(.noFunction) }
    public func readLink(_ request: consuming FUSERequest, _ inode: InodeNumber) { request.fail(.noFunction) }
    public func makeNode(
        _ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber, mode: UInt32,
        device: UInt64
    ) { request.fail(.noFunction) }
    public func makeDirectory(
        _ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber, mode: UInt32
    ) { request.fail(.noFunction) }
    public func makeSymbolicLink(
        _ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber, to target: FileName
    ) { request.fail(.noFunction) }
    public func makeLink(
        _ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber, to inode: InodeNumber
    ) { request.fail(.noFunction) }
    public func removeFile(_ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber) {
        request.fail(.noFunction)
    }
    public func removeDirectory(_ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber) {
        request.fail(.noFunction)
    }
    public func rename(
        _ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber, to newName: FileName,
        in newParent: InodeNumber, flags: UInt32
    ) { request.fail(.noFunction) }
    public func create(
        _ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber, mode: UInt32,
        file: OpenFile
    ) { request.fail(.noFunction) }
    public func open(_ request: consuming FUSERequest, _ inode: InodeNumber, file: OpenFile) {
        request.reply(OpenReply())
    }
    public func read(
        _ request: consuming FUSERequest, _ inode: InodeNumber, byteCount: Int, at offset: UInt64,
        file: OpenFile
    ) { request.fail(.noFunction) }
    public func write(
        _ request: consuming FUSERequest, _ inode: InodeNumber, _ bytes: RawSpan, at offset: UInt64,
        file: OpenFile
    ) { request.fail(.noFunction) }
    public func flush(_ request: consuming FUSERequest, _ inode: InodeNumber, file: OpenFile) {
        request.fail(.noFunction)
    }
    public func release(_ request: consuming FUSERequest, _ inode: InodeNumber, file: OpenFile) {
        request.succeed()
    }
    public func synchronize(
        _ request: consuming FUSERequest, _ inode: InodeNumber, dataOnly: Bool, file: OpenFile
    ) { request.fail(.noFunction) }
    public func allocate(
        _ request: consuming FUSERequest, _ inode: InodeNumber, mode: CInt, offset: UInt64, byteCount: UInt64,
        file: OpenFile
    ) { request.fail(.noFunction) }
    public func seek(
        _ request: consuming FUSERequest, _ inode: InodeNumber, offset: UInt64, whence: CInt, file: OpenFile
    ) { request.fail(.noFunction) }
    public func poll(
        _ request: consuming FUSERequest, _ inode: InodeNumber, file: OpenFile, handle: consuming PollHandle?
    ) { request.fail(.noFunction) }
    public func openDirectory(_ request: consuming FUSERequest, _ inode: InodeNumber, file: OpenFile) {
        request.reply(OpenReply())
    }
    public func readDirectory(
        _ request: consuming FUSERequest, _ inode: InodeNumber, byteCount: Int, at offset: UInt64,
        file: OpenFile
    ) { request.fail(.noFunction) }
    public func readDirectoryPlus(
        _ request: consuming FUSERequest, _ inode: InodeNumber, byteCount: Int, at offset: UInt64,
        file: OpenFile
    ) { request.fail(.noFunction) }
    public func releaseDirectory(_ request: consuming FUSERequest, _ inode: InodeNumber, file: OpenFile) {
        request.succeed()
    }
    public func synchronizeDirectory(
        _ request: consuming FUSERequest, _ inode: InodeNumber, dataOnly: Bool, file: OpenFile
    ) { request.fail(.noFunction) }
    public func statistics(_ request: consuming FUSERequest, of inode: InodeNumber) {
        request.reply(FilesystemStatistics())
    }
    public func access(_ request: consuming FUSERequest, _ inode: InodeNumber, mask: CInt) {
        request.fail(.noFunction)
    }
    public func setExtendedAttribute(
        _ request: consuming FUSERequest, _ inode: InodeNumber, _ name: FileName, to value: RawSpan,
        flags: CInt
    ) { request.fail(.noFunction) }
    public func getExtendedAttribute(
        _ request: consuming FUSERequest, _ inode: InodeNumber, _ name: FileName, capacity: Int
    ) { request.fail(.noFunction) }
    public func listExtendedAttributes(_ request: consuming FUSERequest, _ inode: InodeNumber, capacity: Int)
    { request.fail(.noFunction) }
    public func removeExtendedAttribute(
        _ request: consuming FUSERequest, _ inode: InodeNumber, _ name: FileName
    ) { request.fail(.noFunction) }
    public func getLock(
        _ request: consuming FUSERequest, _ inode: InodeNumber, _ lock: FileLock, file: OpenFile
    ) { request.fail(.noFunction) }
    public func setLock(
        _ request: consuming FUSERequest, _ inode: InodeNumber, _ lock: FileLock, waits: Bool, file: OpenFile
    ) { request.fail(.noFunction) }
    public func setWholeFileLock(
        _ request: consuming FUSERequest, _ inode: InodeNumber, _ lock: WholeFileLock, file: OpenFile
    ) { request.fail(.noFunction) }
}
