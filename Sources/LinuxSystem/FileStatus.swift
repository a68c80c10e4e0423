import CLinux
public import SystemPackage

/// What statx says of one inode.
public struct FileStatus: Sendable {
    public enum Kind: Sendable {
        case regular
        case directory
        case symbolicLink
        /// A FIFO, a socket or a device: never opened.
        case special
    }

    public struct Time: Hashable, Sendable {
        public let seconds: Int64
        public let nanoseconds: UInt32
    }

    let raw: clinux_status

    public var kind: Kind {
        switch raw.mode & 0o170000 {
        case 0o100000: .regular
        case 0o040000: .directory
        case 0o120000: .symbolicLink
        default: .special
        }
    }

    public var device: UInt64 { raw.device }
    public var inode: UInt64 { raw.inode }
    /// Tells mounts of one file system apart; zero on kernels that do not say.
    public var mount: UInt64 { raw.mount }
    /// Type and permission bits.
    public var mode: UInt32 { raw.mode }
    public var user: UInt32 { raw.user }
    public var group: UInt32 { raw.group }
    public var linkCount: UInt32 { raw.links }
    public var size: UInt64 { raw.size }
    /// In units of 512 bytes.
    public var blocks: UInt64 { raw.blocks }
    public var blockSize: UInt32 { raw.block_size }
    /// Of a device node, in the kernel's encoding: minor's low 8 bits, 12 bits of major, the rest of minor.
    public var specialDevice: UInt64 {
        let (major, minor) = (UInt64(raw.special_major), UInt64(raw.special_minor))
        return (minor & 0xFF) | ((major & 0xFFF) << 8) | ((minor & ~0xFF) << 12)
    }
    public var isAppendOnly: Bool { raw.append_only != 0 }

    public var accessed: Time { Time(seconds: raw.access_seconds, nanoseconds: raw.access_nanoseconds) }
    public var modified: Time {
        Time(seconds: raw.modification_seconds, nanoseconds: raw.modification_nanoseconds)
    }
    public var changed: Time { Time(seconds: raw.change_seconds, nanoseconds: raw.change_nanoseconds) }
    public var born: Time? {
        raw.has_birth != 0 ? Time(seconds: raw.birth_seconds, nanoseconds: raw.birth_nanoseconds) : nil
    }
}

/// What fstatfs says of a file system.
public struct FileSystemStatus: Sendable {
    let raw: clinux_statistics

    public var type: UInt32 { raw.type }
    public var blockSize: UInt32 { raw.block_size }
    public var blocks: UInt64 { raw.blocks }
    public var freeBlocks: UInt64 { raw.free_blocks }
    public var availableBlocks: UInt64 { raw.available_blocks }
    public var files: UInt64 { raw.files }
    public var freeFiles: UInt64 { raw.free_files }
    public var identifier: UInt64 { raw.identifier }
    public var maximumNameLength: UInt32 { raw.name_length }
}

extension OwnedDescriptor {
    public borrowing func status() throws(Errno) -> FileStatus {
        var raw = clinux_status()
        _ = try checked(unsafe clinux_status_of(rawValue, &raw))
        return FileStatus(raw: raw)
    }

    public borrowing func fileSystemStatus() throws(Errno) -> FileSystemStatus {
        var raw = clinux_statistics()
        _ = try checked(unsafe clinux_statistics_of(rawValue, &raw))
        return FileSystemStatus(raw: raw)
    }
}
