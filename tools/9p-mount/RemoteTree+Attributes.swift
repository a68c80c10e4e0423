import FUSEMount
import LinuxSystem
import NineP
import NinePClient
import SystemPackage

/// What stat, chmod, chown, truncate, utimensat, access and statfs ask.
extension RemoteTree {
    func getAttributes(_ request: consuming FUSERequest, of inode: InodeNumber, file: OpenFile?) {
        let attributes = attempt(request) { interruption throws(SessionError) in
            let node = try node(inode)
            let fid = file.flatMap { handles[$0.handle] }?.fid
            return FUSEMount.FileAttributes(try node.attributes(by: fid, interruption), inode)
        }
        reply(request, attributes)
    }

    private func reply(
        _ request: consuming FUSERequest, _ attributes: Result<FUSEMount.FileAttributes, SessionError>
    ) {
        switch attributes {
        case .success(let attributes): request.reply(attributes)
        case .failure(let error): request.fail(error.errno)
        }
    }

    func setAttributes(
        _ request: consuming FUSERequest, of inode: InodeNumber, to changes: AttributeChanges
    ) {
        let caller = request.caller
        let attributes = attempt(request) { interruption throws(SessionError) in
            let node = try node(inode)
            var change = AttributeChange(changes)
            try dropSetID(of: node, with: &change, by: caller, interruption)
            if !change.valid.isEmpty { try apply(change, to: node, changes.file, interruption) }
            return FUSEMount.FileAttributes(try node.attributes(interruption), inode)
        }
        reply(request, attributes)
    }

    /// By the open file it was asked through; else by name, as permissions are now; else, where the name is gone, by what is
    /// open.
    private func apply(
        _ change: AttributeChange, to node: Node, _ file: OpenFile?, _ interruption: Interruption
    ) throws(SessionError) {
        if let handle = file.flatMap({ handles[$0.handle] }) {
            return try session.change(fid(of: handle, interruption).fid, change, interruption: interruption)
        }
        do throws(SessionError) {
            let fid = try node.fid(interruption)
            try session.change(fid.fid, change, interruption: interruption)
        } catch {
            guard error.isNameGone, let open = node.openFid(writable: change.valid.contains(.size)) else {
                throw error
            }
            try session.change(open.fid, change, interruption: interruption)
        }
    }

    func readLink(_ request: consuming FUSERequest, _ inode: InodeNumber) {
        let target = attempt(request) { interruption throws(SessionError) in
            let fid = try node(inode).fid(interruption)
            return FUSEMount.FileName(try session.readLink(fid.fid, interruption: interruption))
        }
        switch target {
        case .success(let target): request.reply(link: target)
        case .failure(let error): request.fail(error.errno)
        }
    }

    func statistics(_ request: consuming FUSERequest, of inode: InodeNumber) {
        let statistics = attempt(request) { interruption throws(SessionError) in
            let fid = try node(inode).statusFid(interruption)
            return FilesystemStatistics(try session.statistics(of: fid.fid, interruption: interruption))
        }
        switch statistics {
        case .success(let statistics): request.reply(statistics)
        case .failure(let error): request.fail(error.errno)
        }
    }

    /// What the owner, group and mode say. The server decides when it comes to it.
    func access(_ request: consuming FUSERequest, _ inode: InodeNumber, mask: CInt) {
        let caller = request.caller
        let allowed = attempt(request) { interruption throws(SessionError) in
            let attributes = try node(inode).attributes(interruption)
            return Permission(mask, caller).isGranted(by: attributes)
        }
        switch allowed {
        case .success(true): request.succeed()
        case .success(false): request.fail(.permissionDenied)
        case .failure(let error): request.fail(error.errno)
        }
    }
}

/// One access(2) question.
struct Permission {
    private let mask: UInt32
    private let caller: Caller

    /// - Parameter mask: R_OK 4, W_OK 2, X_OK 1.
    init(_ mask: CInt, _ caller: Caller) {
        self.mask = UInt32(mask) & 7
        self.caller = caller
    }

    func isGranted(by attributes: NineP.FileAttributes) -> Bool {
        if caller.user == 0 {
            let isDirectory = attributes.mode & FileType.mask == FileType.directory
            return mask & 1 == 0 || isDirectory || attributes.mode & 0o111 != 0
        }
        if caller.user == attributes.user { return attributes.mode >> 6 & mask == mask }
        return attributes.mode >> (caller.isMember(of: attributes.group) ? 3 : 0) & mask == mask
    }
}

extension Caller {
    func isMember(of group: UInt32) -> Bool {
        self.group == group || ThreadStatus(of: process)?.groups.contains(group) == true
    }
}

extension FUSEMount.FileAttributes {
    init(_ attributes: NineP.FileAttributes, _ inode: InodeNumber) {
        self.init(inode: inode, mode: attributes.mode)
        (linkCount, user, group) = (attributes.linkCount, attributes.user, attributes.group)
        (device, byteCount, blockCount) = (attributes.deviceNumber, attributes.size, attributes.blocks)
        blockByteCount = UInt32(clamping: attributes.blockSize)
        accessTime = FUSEMount.FileTime(attributes.accessTime)
        modificationTime = FUSEMount.FileTime(attributes.modificationTime)
        changeTime = FUSEMount.FileTime(attributes.changeTime)
    }
}

extension FUSEMount.FileTime {
    init(_ time: NineP.FileTime) {
        self.init(seconds: time.seconds, nanoseconds: Int64(min(time.nanoseconds, 999_999_999)))
    }
}

extension AttributeChange {
    init(_ changes: AttributeChanges) {
        self.init()
        if let mode = changes.mode {
            valid.insert(.mode)
            self.mode = mode & 0o7777
        }
        if let user = changes.user {
            valid.insert(.user)
            self.user = user
        }
        if let group = changes.group {
            valid.insert(.group)
            self.group = group
        }
        if let byteCount = changes.byteCount {
            valid.insert(.size)
            size = byteCount
        }
        setTimes(changes)
    }

    private mutating func setTimes(_ changes: AttributeChanges) {
        if let time = changes.accessTime {
            valid.insert(.accessTime)
            if case .at(let moment) = time {
                valid.insert(.accessTimeValue)
                accessTime = NineP.FileTime(moment)
            }
        }
        if let time = changes.modificationTime {
            valid.insert(.modificationTime)
            if case .at(let moment) = time {
                valid.insert(.modificationTimeValue)
                modificationTime = NineP.FileTime(moment)
            }
        }
    }
}

extension NineP.FileTime {
    init(_ time: FUSEMount.FileTime) {
        self.init(seconds: time.seconds, nanoseconds: UInt64(clamping: time.nanoseconds))
    }
}

extension FilesystemStatistics {
    init(_ statistics: FileSystemStatistics) {
        self.init()
        (blockByteCount, fragmentByteCount) = (UInt64(statistics.blockSize), UInt64(statistics.blockSize))
        (blockCount, freeBlockCount) = (statistics.blocks, statistics.freeBlocks)
        availableBlockCount = statistics.availableBlocks
        (fileCount, freeFileCount) = (statistics.files, statistics.freeFiles)
        maximumNameByteCount = UInt64(statistics.maximumNameLength)
    }
}
