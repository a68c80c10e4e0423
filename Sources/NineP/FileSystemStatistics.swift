/// The answer to statfs (`Rstatfs`), as statfs(2).
public struct FileSystemStatistics: Hashable, Sendable {
    /// V9FS_MAGIC: what a server says that does not pass its file system's type through.
    public static let magic: UInt32 = 0x0102_1997

    public var type: UInt32
    /// Bytes in a block.
    public var blockSize: UInt32
    public var blocks: UInt64
    public var freeBlocks: UInt64
    /// Free blocks for ordinary users.
    public var availableBlocks: UInt64
    public var files: UInt64
    public var freeFiles: UInt64
    /// f_fsid; the same for one file system as long as the server lives.
    public var identifier: UInt64
    public var maximumNameLength: UInt32

    public init(
        type: UInt32 = magic, blockSize: UInt32, blocks: UInt64, freeBlocks: UInt64, availableBlocks: UInt64,
        files: UInt64, freeFiles: UInt64, identifier: UInt64, maximumNameLength: UInt32 = 255
    ) {
        (self.type, self.blockSize, self.blocks) = (type, blockSize, blocks)
        (self.freeBlocks, self.availableBlocks) = (freeBlocks, availableBlocks)
        (self.files, self.freeFiles) = (files, freeFiles)
        (self.identifier, self.maximumNameLength) = (identifier, maximumNameLength)
    }
}
