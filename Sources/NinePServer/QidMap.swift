import LinuxSystem
import NineP
import Synchronization
import SystemPackage

/// Turns inodes into qids: `path` is unique per device and inode, across submounts, for as long as the server
/// lives, and the same in its next process; `version` changes whenever the content may have.
final class QidMap: Sendable {
    /// A device and the upper 16 bits of an inode number, which `path` replaces by an index.
    private struct Prefix: Hashable {
        let device: UInt64
        let inodeHigh: UInt64
    }

    /// How many changes this server made, by a hash of the inode: the file system's clock may be too coarse to
    /// tell two of them apart.
    private static let changeCounterCount = 1024
    private let prefixes = Mutex(Prefixes())
    /// They begin anywhere, so that versions of an earlier process do not come back.
    private let changes: Mutex<[UInt32]>

    private struct Prefixes {
        var indices: [Prefix: UInt64] = [:]
        var taken: Set<UInt64> = []
    }

    init() {
        let start = UInt32.random(in: 0 ... .max)
        changes = Mutex(Array(repeating: start, count: QidMap.changeCounterCount))
    }

    /// - Throws: `EOVERFLOW` with more than 65,536 different prefixes.
    func path(of identity: Node.Identity) throws(Errno) -> UInt64 {
        let prefix = Prefix(device: identity.device, inodeHigh: identity.inode >> 48)
        let index: UInt64? = prefixes.withLock { prefixes in
            if let index = prefixes.indices[prefix] { return index }
            guard prefixes.taken.count < 1 << 16 else { return nil }
            // From the prefix itself, so that the server's next process finds the same: two prefixes seldom meet.
            var index = QidMap.mix(prefix.device ^ QidMap.mix(prefix.inodeHigh)) & 0xFFFF
            while !prefixes.taken.insert(index).inserted { index = (index + 1) & 0xFFFF }
            prefixes.indices[prefix] = index
            return index
        }
        guard let index else { throw .overflow }
        return index << 48 | identity.inode & 0xFFFF_FFFF_FFFF
    }

    func qid(of status: FileStatus) throws(Errno) -> Qid {
        let identity = Node.Identity(device: status.device, inode: status.inode)
        var kind: Qid.Kind =
            switch status.kind {
            case .directory: .directory
            case .symbolicLink: .symbolicLink
            case .regular, .special: .file
            }
        if status.isAppendOnly { kind.insert(.appendOnly) }
        return Qid(kind: kind, version: version(of: status, identity), path: try path(of: identity))
    }

    func qid(of node: Node) throws(Errno) -> Qid { try qid(of: node.descriptor.status()) }

    /// To be called after each change this server made to the content of `node`.
    func noteChange(of node: Node) { changes.withLock { $0[QidMap.counter(node.identity)] &+= 1 } }

    private static func counter(_ identity: Node.Identity) -> Int {
        Int(truncatingIfNeeded: mix(identity.inode ^ mix(identity.device)) % UInt64(changeCounterCount))
    }

    /// Never zero, which would forbid the client to cache.
    private func version(of status: FileStatus, _ identity: Node.Identity) -> UInt32 {
        let count = changes.withLock { $0[QidMap.counter(identity)] }
        var hash = QidMap.mix(
            UInt64(bitPattern: status.changed.seconds) ^ UInt64(status.changed.nanoseconds) << 32)
        hash = QidMap.mix(
            hash ^ UInt64(bitPattern: status.modified.seconds) ^ UInt64(status.modified.nanoseconds) << 32)
        hash = QidMap.mix(hash ^ status.size)
        return max(1, UInt32(truncatingIfNeeded: hash >> 32) &+ count)
    }

    /// The finaliser of splitmix64: every bit of the input reaches every bit of the output.
    private static func mix(_ input: UInt64) -> UInt64 {
        var value = input &+ 0x9E37_79B9_7F4A_7C15
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
