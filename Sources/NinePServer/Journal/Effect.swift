import LinuxSystem
import SystemPackage

/// A change that must be made once: enough to tell, in another process, whether it was made.
struct Effect: Sendable {
    enum Kind: UInt8, Sendable {
        /// A new name: mkdir, symlink, mknod, lcreate. Files: the directory. Numbers: the new file's type bits, owner.
        case making = 1
        /// Files: the directory.
        case removing
        /// Files: the old directory, the new one.
        case renaming
        /// Files: the directory, the file that gets another name.
        case linking
        /// Files: the file. Numbers: the new size.
        case resizing
        /// Files: the file. Numbers: bytes to append, their checksum.
        case appending
        /// Files: the file. Names: the attribute. Numbers: 1 to set and 0 to remove, the value's checksum.
        case settingAttribute
    }

    let kind: Kind
    let nodes: [Node]
    let files: [FileRecord]
    var names: [[UInt8]] = []
    var numbers: [UInt64] = []

    init(_ kind: Kind, _ places: [(Node, FileRecord)], names: [[UInt8]] = [], numbers: [UInt64] = []) {
        self.kind = kind
        (nodes, files) = (places.map(\.0), places.map(\.1))
        (self.names, self.numbers) = (names, numbers)
    }

    /// What is there now of everything the change concerns.
    ///
    /// - Throws: why that cannot be told.
    func marks() throws(Errno) -> [FileMark] {
        let first = try FileMark(nodes[0])
        switch kind {
        case .making, .removing: return [first, try FileMark(names[0], in: nodes[0])]
        case .renaming:
            return [
                first, try FileMark(names[0], in: nodes[0]), try FileMark(nodes[1]),
                try FileMark(names[1], in: nodes[1]),
            ]
        case .linking: return [first, try FileMark(names[0], in: nodes[0]), try FileMark(nodes[1])]
        case .resizing, .appending, .settingAttribute: return [first]
        }
    }

    /// How many marks each kind has, and how many names and numbers.
    static func shape(of kind: Kind) -> (files: Int, names: Int, numbers: Int, marks: Int) {
        switch kind {
        case .making: (1, 1, 2, 2)
        case .removing: (1, 1, 0, 2)
        case .renaming: (2, 2, 0, 4)
        case .linking: (2, 1, 0, 3)
        case .resizing: (1, 0, 1, 1)
        case .appending: (1, 0, 2, 1)
        case .settingAttribute: (1, 1, 2, 1)
        }
    }
}

/// What an inode, or a name, was at one moment.
struct FileMark: Hashable, Sendable {
    /// `nil` when there is nothing of that name.
    let identity: Node.Identity?
    let born: Int64
    let changed: Int64
    let size: UInt64
    let linkCount: UInt32
    let mode: UInt32
    let user: UInt32

    static let nothing = FileMark(status: nil)

    init(_ node: Node) throws(Errno) { self.init(status: try node.descriptor.status()) }

    /// A name that leads nowhere is nothing; one that cannot be looked at is an error.
    init(_ name: [UInt8], in directory: Node) throws(Errno) {
        let status: FileStatus?
        do throws(Errno) { status = try directory.descriptor.status(of: FileName(untrusted: name)) } catch {
            guard error == .noSuchFileOrDirectory else { throw error }
            status = nil
        }
        self.init(status: status)
    }

    private init(status: FileStatus?) {
        identity = status.map { Node.Identity(device: $0.device, inode: $0.inode) }
        born = status?.bornNanoseconds ?? 0
        changed = status?.changed.sinceEpoch ?? 0
        size = status?.size ?? 0
        linkCount = status?.linkCount ?? 0
        mode = status?.mode ?? 0
        user = status?.user ?? 0
    }

    var exists: Bool { identity != nil }

    /// The same inode, whatever happened to it; or nothing both times.
    func isSame(as other: FileMark) -> Bool { identity == other.identity && born == other.born }

    /// The same inode, and nothing has happened to it.
    func isUntouched(since old: FileMark) -> Bool { isSame(as: old) && changed == old.changed }
}

extension FileMark {
    init?(from reader: inout JournalReader) {
        guard let exists = reader.takeFlag(), let device = reader.take(UInt64.self),
            let inode = reader.take(UInt64.self), let born = reader.take(Int64.self),
            let changed = reader.take(Int64.self), let size = reader.take(UInt64.self),
            let linkCount = reader.take(UInt32.self), let mode = reader.take(UInt32.self),
            let user = reader.take(UInt32.self)
        else { return nil }
        identity = exists ? Node.Identity(device: device, inode: inode) : nil
        (self.born, self.changed, self.size) = (born, changed, size)
        (self.linkCount, self.mode, self.user) = (linkCount, mode, user)
    }

    func encode(into bytes: inout [UInt8]) {
        bytes.put(exists)
        bytes.put(identity?.device ?? 0)
        bytes.put(identity?.inode ?? 0)
        bytes.put(born)
        bytes.put(changed)
        bytes.put(size)
        bytes.put(linkCount)
        bytes.put(mode)
        bytes.put(user)
    }
}

extension FileStatus.Time {
    /// Nanoseconds since 1970.
    var sinceEpoch: Int64 { seconds &* 1_000_000_000 &+ Int64(nanoseconds) }
}

extension FileStatus {
    /// Zero where the file system keeps no births.
    var bornNanoseconds: Int64 { born?.sinceEpoch ?? 0 }
}
