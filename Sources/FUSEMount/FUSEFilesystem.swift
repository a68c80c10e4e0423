/// What a session serves: one method per operation of the kernel's, each with the request it must answer. What is not
/// written answers what makes the kernel do without.
///
/// In a session with one serving thread all calls come from it; with several, from any of them at once.
public protocol FUSEFilesystem: AnyObject {
    /// Asked once, when the session meets the kernel.
    var connectionSettings: ConnectionSettings { get }
    /// The session is over and no operation is under way or will come: kept requests and poll handles should be dropped.
    func sessionEnded()

    // MARK: Names

    /// Answer: `Entry` (counts as one lookup, to be undone by `forget`) or `replyNoEntry`.
    func lookup(_ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber)
    /// The kernel drops `count` lookups of `inode`. No answer.
    func forget(_ inode: InodeNumber, count: UInt64)
    /// Answer: `FileAttributes`.
    func getAttributes(_ request: consuming FUSERequest, of inode: InodeNumber, file: OpenFile?)
    /// Answer: `FileAttributes`, as they are afterwards.
    func setAttributes(_ request: consuming FUSERequest, of inode: InodeNumber, to changes: AttributeChanges)
    /// Answer: `reply(link:)`.
    func readLink(_ request: consuming FUSERequest, _ inode: InodeNumber)
    /// Answer: `Entry`.
    func makeNode(
        _ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber, mode: UInt32,
        device: UInt64)
    /// Answer: `Entry`.
    func makeDirectory(
        _ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber, mode: UInt32)
    /// Answer: `Entry`.
    func makeSymbolicLink(
        _ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber, to target: FileName)
    /// Answer: `Entry` of the same file.
    func makeLink(
        _ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber, to inode: InodeNumber)
    /// Answer: `succeed`.
    func removeFile(_ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber)
    /// Answer: `succeed`.
    func removeDirectory(_ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber)
    /// `flags`: RENAME_NOREPLACE (1), RENAME_EXCHANGE (2). Answer: `succeed`.
    func rename(
        _ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber, to newName: FileName,
        in newParent: InodeNumber, flags: UInt32)

    // MARK: Files

    /// Answer: `reply(Entry, OpenReply)`. Not written: the kernel makes the node and opens it.
    func create(
        _ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber, mode: UInt32,
        file: OpenFile)
    /// Answer: `OpenReply`.
    func open(_ request: consuming FUSERequest, _ inode: InodeNumber, file: OpenFile)
    /// Answer: bytes, at most `byteCount`.
    func read(
        _ request: consuming FUSERequest, _ inode: InodeNumber, byteCount: Int, at offset: UInt64,
        file: OpenFile)
    /// Answer: `reply(writtenByteCount:)`. The bytes are libfuse's own and last as long as the call.
    func write(
        _ request: consuming FUSERequest, _ inode: InodeNumber, _ bytes: RawSpan, at offset: UInt64,
        file: OpenFile)
    /// A descriptor of an open file is closed (of several, perhaps). Answer: `succeed` or what `close` shall say.
    func flush(_ request: consuming FUSERequest, _ inode: InodeNumber, file: OpenFile)
    /// The last descriptor of an open file is closed. Answer: `succeed`; nobody waits for it.
    func release(_ request: consuming FUSERequest, _ inode: InodeNumber, file: OpenFile)
    /// Answer: `succeed`.
    func synchronize(_ request: consuming FUSERequest, _ inode: InodeNumber, dataOnly: Bool, file: OpenFile)
    /// `mode`: FALLOC_FL_ bits. Answer: `succeed`.
    func allocate(
        _ request: consuming FUSERequest, _ inode: InodeNumber, mode: CInt, offset: UInt64, byteCount: UInt64,
        file: OpenFile)
    /// SEEK_DATA and SEEK_HOLE. Answer: `reply(offset:)`.
    func seek(
        _ request: consuming FUSERequest, _ inode: InodeNumber, offset: UInt64, whence: CInt, file: OpenFile)
    /// Answer: `reply(readyEvents:)`. With a handle, the kernel wants to hear of the next readiness through it.
    func poll(
        _ request: consuming FUSERequest, _ inode: InodeNumber, file: OpenFile, handle: consuming PollHandle?)

    // MARK: Directories

    /// Answer: `OpenReply`.
    func openDirectory(_ request: consuming FUSERequest, _ inode: InodeNumber, file: OpenFile)
    /// Answer: `DirectoryBuffer` of at most `byteCount`; an empty one ends the directory.
    func readDirectory(
        _ request: consuming FUSERequest, _ inode: InodeNumber, byteCount: Int, at offset: UInt64,
        file: OpenFile)
    /// As `readDirectory`, with `addPlus`. Asked only with `.readDirectoryPlus`.
    func readDirectoryPlus(
        _ request: consuming FUSERequest, _ inode: InodeNumber, byteCount: Int, at offset: UInt64,
        file: OpenFile)
    /// Answer: `succeed`.
    func releaseDirectory(_ request: consuming FUSERequest, _ inode: InodeNumber, file: OpenFile)
    /// Answer: `succeed`.
    func synchronizeDirectory(
        _ request: consuming FUSERequest, _ inode: InodeNumber, dataOnly: Bool, file: OpenFile)

    // MARK: The filesystem, access, extended attributes, locks

    /// Answer: `FilesystemStatistics`.
    func statistics(_ request: consuming FUSERequest, of inode: InodeNumber)
    /// `access(2)` without `default_permissions`. Answer: `succeed` or `EACCES`.
    func access(_ request: consuming FUSERequest, _ inode: InodeNumber, mask: CInt)
    /// `flags`: XATTR_CREATE (1), XATTR_REPLACE (2). Answer: `succeed`.
    func setExtendedAttribute(
        _ request: consuming FUSERequest, _ inode: InodeNumber, _ name: FileName, to value: RawSpan,
        flags: CInt)
    /// Answer: with zero capacity `reply(attributeByteCount:)`; else bytes, or `ERANGE` when they do not fit.
    func getExtendedAttribute(
        _ request: consuming FUSERequest, _ inode: InodeNumber, _ name: FileName, capacity: Int)
    /// Answer: as `getExtendedAttribute`; the names, each ended by a zero byte.
    func listExtendedAttributes(_ request: consuming FUSERequest, _ inode: InodeNumber, capacity: Int)
    /// Answer: `succeed`.
    func removeExtendedAttribute(_ request: consuming FUSERequest, _ inode: InodeNumber, _ name: FileName)
    /// Answer: `FileLock`. Asked only with `.posixLocks`.
    func getLock(_ request: consuming FUSERequest, _ inode: InodeNumber, _ lock: FileLock, file: OpenFile)
    /// Answer: `succeed`, or `EAGAIN` where it may not wait. Asked only with `.posixLocks`.
    func setLock(
        _ request: consuming FUSERequest, _ inode: InodeNumber, _ lock: FileLock, waits: Bool, file: OpenFile)
    /// Answer: `succeed`, or `EWOULDBLOCK`. Asked only with `.flockLocks`.
    func setWholeFileLock(
        _ request: consuming FUSERequest, _ inode: InodeNumber, _ lock: WholeFileLock, file: OpenFile)
}
