import Glibc
import LinuxSystem
import NineP
import NinePServer
import SystemPackage
import TestSupport
import Testing

@Suite("locks (4.3, 6; 4.5, 28)")
struct LockTests {
    let bench: ServerBench
    let client: RawClient
    let other: RawClient

    init() throws {
        bench = try ServerBench()
        client = try bench.attached()
        other = try bench.attached()
        try bench.tree.write("hello", to: "file")
        try client.open("file", as: 1, .readWrite)
        try other.open("file", as: 1, .readWrite)
    }

    private func isFree(_ start: UInt64, _ length: UInt64) throws -> Bool {
        guard case .getlock(let lock) = try other.must(.getlock(1, .write, start, length)) else {
            return false
        }
        return lock.kind == .unlock
    }

    @Test("two clients are two owners, even when they say the same of themselves")
    func clients() throws {
        #expect(try client.call(.lock(1, .write, 0, 10)) == .lock(status: .success))
        #expect(try other.call(.lock(1, .write, 9, 1)) == .lock(status: .blocked))
        #expect(try other.call(.lock(1, .unlock, 0, 0)) == .lock(status: .success))
        #expect(try other.call(.lock(1, .read, 0, 1)) == .lock(status: .blocked))
        #expect(try other.call(.lock(1, .write, 10, 5)) == .lock(status: .success))
        #expect(try client.call(.lock(1, .unlock, 0, 10)) == .lock(status: .success))
        #expect(try other.call(.lock(1, .write, 0, 10)) == .lock(status: .success))
    }

    @Test("readers share; a writer waits for all of them")
    func readers() throws {
        #expect(try client.call(.lock(1, .read, 0, 0)) == .lock(status: .success))
        #expect(try other.call(.lock(1, .read, 0, 0)) == .lock(status: .success))
        #expect(try client.call(.lock(1, .write, 3, 1)) == .lock(status: .blocked))
        #expect(try other.call(.lock(1, .unlock, 0, 0)) == .lock(status: .success))
        #expect(try client.call(.lock(1, .write, 3, 1)) == .lock(status: .success))
    }

    @Test("an unlock amidst a range splits it; a lock over the gap closes it; an end is an end")
    func splitting() throws {
        try client.must(.lock(1, .write, 10, 30))
        try client.must(.lock(1, .unlock, 20, 10))
        #expect(try isFree(20, 10) && !isFree(19, 1) && !isFree(30, 1) && isFree(40, 0) && isFree(0, 10))
        try client.must(.lock(1, .write, 15, 20))
        #expect(try !isFree(20, 10))
        try client.must(.lock(1, .read, 0, 100))
        guard case .getlock(let lock) = try other.must(.getlock(1, .write, 50, 1)) else { return }
        #expect(lock.kind == .read && lock.start == 0 && lock.length == 100)
    }

    @Test("clunking the fid releases what was locked through it, and hanging up releases everything")
    func release() throws {
        try client.walk(0, to: 2, "file")
        try client.open(2, .readWrite)
        try client.must(.lock(1, .write, 0, 10))
        try client.must(.lock(2, .write, 20, 10))
        try client.clunk(1)
        #expect(try isFree(0, 10) && !isFree(20, 10))
        let third = try bench.attached()
        try third.open("file", as: 1, .readWrite)
        try third.must(.lock(1, .write, 40, 10))
        #expect(try !isFree(40, 10))
        try third.must(.version(maximumMessageSize: 4096, version: "9P2000.L"))
        #expect(try isFree(40, 10))
    }

    @Test("a client that hangs up holds nothing any more")
    func hangUp() throws {
        do {
            let third = try bench.attached()
            try third.open("file", as: 1, .readWrite)
            try third.must(.lock(1, .write, 0, 0))
            #expect(try !isFree(0, 1))
        }
        // The server learns of it in its own time.
        try eventually("the lock is free") { try isFree(0, 1) }
    }

    @Test("local users of the tree see the locks, and theirs are seen")
    func localUsers() throws {
        let local = try OwnedDescriptor.root(at: bench.tree.path)
            .child(FileName(untrusted: "file".utf8), crossMounts: false).reopened(.readWrite)
        try local.setLock(RangeLock(.write, start: 0, length: 5))
        #expect(try client.call(.lock(1, .read, 4, 1)) == .lock(status: .blocked))
        guard case .getlock(let lock) = try client.must(.getlock(1, .read, 0, 0)) else { return }
        #expect(lock.kind == .write && lock.start == 0 && lock.length == 5)
        try client.must(.lock(1, .write, 5, 5))
        #expect(throws: Errno.wouldBlock) { try local.setLock(RangeLock(.read, start: 9, length: 1)) }
        try client.clunk(1)
        try local.setLock(RangeLock(.read, start: 9, length: 1))
    }

    @Test(
        "fcntl's and flock's locks do not meet, where the client says which they are; else a whole file is both"
    )
    func calls() throws {
        let local = try OwnedDescriptor.root(at: bench.tree.path)
            .child(FileName(untrusted: "file".utf8), crossMounts: false).reopened(.readWrite)
        let (ranges, whole, either): (Name, Name, Name) = ("here/fcntl", "here/flock", "here")
        func status(_ client: RawClient, _ kind: FileLock.Kind, _ length: UInt64, as name: Name) throws
            -> FileLock.Status?
        {
            guard case .lock(let status) = try client.must(.lock(1, kind, 0, length, client: name)) else {
                return nil
            }
            return status
        }
        #expect(try status(client, .write, 0, as: whole) == .success)
        #expect(try status(other, .write, 0, as: ranges) == .success)
        #expect(try status(other, .write, 0, as: whole) == .blocked)
        #expect(try status(other, .write, 0, as: either) == .blocked)
        #expect(throws: Errno.wouldBlock) { try local.setWholeFileLock(.read) }
        #expect(throws: Errno.wouldBlock) { try local.setLock(RangeLock(.read, start: 0, length: 1)) }
        try client.refuses(.lock(1, .write, 0, 5, client: whole), with: .invalidArgument)
        #expect(try status(client, .unlock, 0, as: whole) == .success)
        #expect(try status(other, .unlock, 0, as: ranges) == .success)
        // A range is nobody's flock; the whole file is held against both.
        #expect(try status(client, .write, 5, as: either) == .success)
        #expect(try status(other, .read, 0, as: whole) == .success)
        #expect(try status(client, .write, 0, as: either) == .blocked)
        #expect(try status(other, .unlock, 0, as: whole) == .success)
        #expect(try status(client, .write, 0, as: either) == .success)
        #expect(throws: Errno.wouldBlock) { try local.setWholeFileLock(.read) }
        #expect(try status(client, .unlock, 5, as: either) == .success)
        try local.setWholeFileLock(.write)
        #expect(try status(client, .write, 0, as: either) == .blocked)
    }

    @Test("a range ends where the numbers do")
    func overflow() throws {
        try client.refuses(.lock(1, .write, 1 << 63, 1), with: .invalidArgument)
        try client.refuses(.lock(1, .write, 2, .max), with: .overflow)
        try client.refuses(.lock(1, .write, UInt64(Int64.max), 2), with: .overflow)
        try client.must(.lock(1, .write, UInt64(Int64.max), 1))
        #expect(try !isFree(UInt64(Int64.max), 1))
        #expect(try isFree(0, 100))
    }

    @Test("the table is bounded for each client")
    func bounded() throws {
        var options = ServerOptions()
        options.locksPerClient = 50
        let bench = try ServerBench(options: options)
        try bench.tree.write("", to: "file")
        let (greedy, modest) = (try bench.attached(), try bench.attached())
        try greedy.open("file", as: 1, .readWrite)
        try modest.open("file", as: 1, .readWrite)
        for number in 0..<50 as Range<UInt64> { try greedy.must(.lock(1, .write, number * 2, 1)) }
        #expect(try greedy.call(.lock(1, .write, 1000, 1)) == .lock(status: .error))
        #expect(try modest.call(.lock(1, .write, 1000, 1)) == .lock(status: .success))
        try greedy.must(.lock(1, .unlock, 0, 0))
        #expect(try greedy.call(.lock(1, .write, 0, 1)) == .lock(status: .success))
    }
}
