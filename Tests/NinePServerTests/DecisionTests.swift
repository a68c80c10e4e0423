import Glibc
import LinuxSystem
import NineP
import SystemPackage
import Testing

/// What another program does while the server is dead, and what then must not be guessed.
struct UndecidableCase: Sendable, CustomTestStringConvertible {
    let name: String
    let request: Request
    /// What the other program does in the exported directory.
    let meddle: @Sendable (TestDirectory) throws -> Void
    /// `nil` when its work is untouched.
    let flaw: @Sendable (TestDirectory) throws -> String?

    var testDescription: String { name }

    static let all: [UndecidableCase] = [
        UndecidableCase(name: "mkdir, and somebody makes that name", request: .mkdir(1, "new")) {
            try $0.write("theirs", to: "new")
        } flaw: {
            try $0.read("new") == "theirs" ? nil : "theirs is gone"
        },
        UndecidableCase(
            name: "mkdir, and somebody makes that directory much later", request: .mkdir(1, "new")
        ) {
            usleep(1_200_000)
            try $0.makeDirectory("new")
        } flaw: {
            $0.exists("new") ? nil : "theirs is gone"
        },
        UndecidableCase(name: "mkdir, and somebody is busy there", request: .mkdir(1, "new")) {
            try $0.write("", to: "other")
        } flaw: {
            $0.exists("new") ? "made, perhaps a second time" : nil
        },
        UndecidableCase(name: "unlinkat, and the name is another file by now", request: .unlink(1, "old")) {
            try $0.write("theirs", to: "beside")
            #expect(unsafe Glibc.rename($0.path + "/beside", $0.path + "/old") == 0)
        } flaw: {
            try $0.read("old") == "theirs" ? nil : "theirs is gone"
        },
        UndecidableCase(
            name: "renameat, and the old name is another file by now",
            request: .renameat(oldDirectory: 1, oldName: "old", newDirectory: 1, newName: "new")
        ) {
            try $0.write("theirs", to: "beside")
            #expect(unsafe Glibc.rename($0.path + "/beside", $0.path + "/old") == 0)
        } flaw: {
            try $0.read("old") == "theirs" && !$0.exists("new") ? nil : "theirs was renamed"
        },
        UndecidableCase(
            name: "append, and somebody appends",
            request: .write(fid: 3, offset: 0, data: Array("two".utf8)[...])
        ) {
            try $0.write("onexxxx", to: "old")
        } flaw: {
            try $0.read("old") == "onexxxx" ? nil : "appended, perhaps a second time"
        },
        UndecidableCase(
            name: "setattr size, and somebody writes",
            request: .setattr(2) { ($0.valid, $0.size) = (.size, 1) }
        ) {
            try $0.write("theirs", to: "old")
        } flaw: {
            try $0.read("old") == "theirs" ? nil : "theirs was cut"
        },
    ]
}

@Suite("what a server decides about the requests of the one before it")
struct DecisionTests {
    @Test(
        "where another writer makes it undecidable the answer is EIO, counted, and nothing is done",
        arguments: UndecidableCase.all, KilledServer.Owner.possible)
    func undecidable(_ item: UndecidableCase, _ owner: KilledServer.Owner) throws {
        let killed = try KilledServer(owner, killedAt: "after-intent")
        try killed.prepareFids()
        try killed.send(item.request)
        try killed.awaitDeath()
        try item.meddle(killed.tree)
        let replies = try killed.restart()
        #expect(replies[7] == .error(code: UInt32(Errno.ioError.rawValue)))
        #expect(try item.flaw(killed.tree) == nil)
        #expect(try killed.counts()["undecided"] == 1)
    }

    @Test("many requests in one directory, killed again and again: each is carried out once, none is EIO")
    func crowd() throws {
        let killed = try KilledServer(.first)
        try killed.prepareFids()
        // Answers may leave together: after the two that resume the session there is one more at least.
        let points = ["after-intent:5", "after-side-effect:9", "after-journal:14", "after-answer:3"]
        for round in 0..<8 {
            try killed.kill()
            _ = try killed.restart(killedAt: points[round % points.count])
            for number in 0..<20 { try killed.send(.mkdir(1, "r\(round)-\(number)"), tag: UInt16(number)) }
            try killed.awaitDeath()
            let replies = try killed.restart()
            for number in 0..<20 {
                guard case .mkdir? = replies[UInt16(number)] else {
                    Issue.record("\(number): \(String(describing: replies[UInt16(number)]))")
                    continue
                }
                #expect(killed.tree.exists("r\(round)-\(number)"))
            }
            #expect(try killed.counts()["undecided"] == 0)
        }
    }

    @Test(
        "fids whose files are gone, and no others, are ESTALE, counted",
        arguments: KilledServer.Owner.possible)
    func stale(_ owner: KilledServer.Owner) throws {
        let killed = try KilledServer(owner)
        try killed.prepareFids()
        let client = killed.client
        for name in ["unlinked", "renamed", "replaced"] {
            try client.walk(0, to: 10)
            try client.must(.lcreate(10, name))
            try client.clunk(10)
        }
        try client.must(.mkdir(1, "directory"))
        try client.open("unlinked", as: 11, .readWrite)
        try client.open("renamed", as: 12, .readWrite)
        try client.write(12, "kept")
        try client.open("replaced", as: 13)
        try client.walk(0, to: 14, "directory")
        try client.walk(14, to: 15)
        try client.must(.lcreate(15, "below"))
        // Through the server: fids beneath a renamed directory are followed.
        try client.must(
            .renameat(oldDirectory: 1, oldName: "directory", newDirectory: 1, newName: "elsewhere"))
        try killed.kill()
        let tree = killed.tree.path
        #expect(unsafe unlink(tree + "/unlinked") == 0)
        #expect(unsafe Glibc.rename(tree + "/renamed", tree + "/by-somebody") == 0)
        try killed.tree.write("another", to: "new")
        #expect(unsafe Glibc.rename(tree + "/new", tree + "/replaced") == 0)
        _ = try killed.restart()
        try killed.client.refuses(.getattr(fid: 11, mask: .all), with: .staleNFSFileHandle)
        try killed.client.refuses(.read(fid: 13, offset: 0, count: 10), with: .staleNFSFileHandle)
        #expect(try killed.client.read(12) == "kept")
        try killed.client.write(15, "below")
        #expect(try killed.tree.read("elsewhere/below") == "below")
        #expect(try killed.counts()["lost_fids"] == 2)
        try killed.client.clunk(11)
        try killed.client.clunk(13)
    }

    @Test("locks are held again; one that somebody else has by then costs its fid")
    func locks() throws {
        let killed = try KilledServer(.first)
        try killed.prepareFids()
        try killed.client.open("old", as: 20, .readWrite)
        #expect(try killed.client.must(.lock(20, .write, 0, 10)) == .lock(status: .success))
        try killed.client.open("old", as: 21, .readWrite)
        #expect(try killed.client.must(.lock(21, .write, 20, 10, process: 2)) == .lock(status: .success))
        try killed.kill()
        let local = try OwnedDescriptor.root(at: killed.tree.path)
            .child(FileName(untrusted: Array("old".utf8)), crossMounts: false).reopened(.readWrite)
        try local.setLock(RangeLock(.write, start: 25, length: 1))
        _ = try killed.restart()
        #expect(throws: Errno.wouldBlock) { try local.setLock(RangeLock(.write, start: 0, length: 5)) }
        try killed.client.refuses(.getattr(fid: 21, mask: .all), with: .staleNFSFileHandle)
        #expect(try killed.client.read(20) == "one")
        let counts = try killed.counts()
        #expect(counts["resumed_locks"] == 1 && counts["lost_locks"] == 1 && counts["lost_fids"] == 1)
    }

    @Test("a directory is read on from where it was")
    func directory() throws {
        let killed = try KilledServer(.first)
        try killed.prepareFids()
        for number in 0..<200 { try killed.tree.write("", to: "entry-with-a-long-name-\(number)") }
        try killed.client.walk(0, to: 10)
        try killed.client.open(10)
        let reply = try killed.client.must(.readdir(fid: 10, offset: 0, count: 2000))
        guard case .readdir(let payload) = reply else { return }
        var entries = try DirectoryEntry.decode(untrusted: payload)
        try killed.kill()
        _ = try killed.restart()
        while case .readdir(let payload) = try killed.client.must(
            .readdir(fid: 10, offset: entries.last?.nextOffset ?? 0, count: 2000)), !payload.isEmpty
        { entries += try DirectoryEntry.decode(untrusted: payload) }
        #expect(entries.count == 203 && Set(entries.map(\.name)).count == 203)
    }

    @Test("a client that begins anew, or is another process, gets nothing of a kept session")
    func strangers() throws {
        let killed = try KilledServer(.first)
        try killed.prepareFids()
        try killed.kill()
        try killed.restartOnly()
        let fresh = try RawClient(to: killed.top.path + "/socket")
        try fresh.must(.version(maximumMessageSize: 8192, version: "9P2000.L"))
        try fresh.refuses(.getattr(fid: 0, mask: .all), with: .badFileDescriptor)
        let late = try RawClient(to: killed.top.path + "/socket")
        try late.refuses(.getattr(fid: 0, mask: .all), with: .protocolError)
    }

    @Test("descriptors are back to where they were, and journals go with their sessions")
    func nothingLeft() throws {
        let killed = try KilledServer(.first)
        try killed.prepareFids()
        let before = try killed.descriptorCount()
        for _ in 0..<3 {
            try killed.kill()
            _ = try killed.restart()
        }
        #expect(try killed.descriptorCount() == before)
        let journals = try DirectoryPath.names(at: killed.top.path + "/journal")
        #expect(journals.count == 1, "\(journals)")
        killed.hangUp()
        for _ in 0..<500 where try !DirectoryPath.names(at: killed.top.path + "/journal").isEmpty {
            usleep(20_000)
        }
        #expect(try DirectoryPath.names(at: killed.top.path + "/journal") == [])
    }
}
