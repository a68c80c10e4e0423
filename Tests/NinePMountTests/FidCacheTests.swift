import FUSEMount
import Glibc
import LinuxSystem
import NineP
import NinePClient
import SystemPackage
import Testing

@testable import _p_mount

/// The cache of fids against a real server.
@Suite(.timeLimit(.minutes(5))) struct FidCacheTests {
    private let served: ServedDirectory
    private let root: RemoteFid
    private let nodes: NodeTable
    private var cache: FidCache { root.cache }

    init() throws {
        served = try ServedDirectory(.own)
        for name in ["kept", "passing"] {
            try FileDescriptor.open(
                FilePath("\(served.export)/\(name)"), .writeOnly, options: .create,
                permissions: .ownerReadWrite
            ).close()
        }
        let session = try Session(connectingTo: served.socket)
        let fid = session.fids.take()
        _ = try session.attach(fid, user: "", userNumber: getuid(), tree: "tree")
        root = RemoteFid(owning: fid, of: session, FidCache(), epoch: nil)
        nodes = NodeTable(root: root)
    }

    private func lookUp(_ name: Name) throws -> _p_mount.Node {
        let (fid, qids) = try root.walk([name], nil)
        return nodes.adopt(fid, try #require(qids.last), at: Node.Place(directory: nodes.root, name: name))
    }

    @Test("files looked up and forgotten leave nothing behind, and one that stays keeps its fid")
    func forgotten() throws {
        let kept = try lookUp("kept")
        for _ in 0..<3 * FidCache.capacity {
            nodes.forget(try lookUp("passing").inode, count: 1)
            try #require(cache.rememberedCount <= 2 * FidCache.capacity)
        }
        #expect(kept.holdsFid && cache.heldCount == 1)
        // Twice: what was used since the last time is passed over once.
        cache.shrink(to: 0)
        cache.shrink(to: 0)
        #expect(!kept.holdsFid && cache.heldCount == 0)
    }
}
