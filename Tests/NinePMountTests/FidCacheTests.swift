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

    private func lookUp(_ name: Name, born: NineP.FileTime? = nil) throws -> _p_mount.Node {
        let (fid, qids) = try root.walk([name], nil)
        let place = Node.Place(directory: nodes.root, name: name)
        return nodes.adopt(fid, try #require(qids.last), born: born, at: place)
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

    private let once = NineP.FileTime(seconds: 1, nanoseconds: 2)
    private let later = NineP.FileTime(seconds: 1, nanoseconds: 3)

    @Test(
        "a file that was given the number of another that the kernel knows still is another file, until that is forgotten"
    )
    func reusedNumber() throws {
        let first = try lookUp("kept", born: once)
        let second = try lookUp("kept", born: later)
        #expect(second !== first && second.inode != first.inode && second.origin == first.origin)
        #expect(try lookUp("kept", born: later) === second)
        let third = try lookUp("kept", born: NineP.FileTime(seconds: 2, nanoseconds: 0))
        #expect(![first.inode, second.inode].contains(third.inode))
        #expect(nodes.count == 4)
        nodes.forget(first.inode, count: 1)
        nodes.forget(second.inode, count: 2)
        nodes.forget(third.inode, count: 1)
        #expect(nodes.count == 1)
        let fourth = try lookUp("kept", born: later)
        #expect(fourth.inode == fourth.origin, "the server's number is free again")
    }

    @Test("found again by its name, a file of the same number that was made at another time is ESTALE")
    func bornAtAnotherTime() throws {
        let node = try lookUp("kept", born: once)
        _ = node.takeFid()
        #expect(throws: SessionError.refused(.staleNFSFileHandle)) { try node.fid(nil) }
        let attributes = try root.walk(["passing"], nil).0.attributes(nil)
        let passing = try lookUp("passing", born: attributes.born)
        _ = passing.takeFid()
        #expect(try passing.fid(nil).isKnown)
    }
}
