import FUSEMount
import Glibc
import LinuxSystem
import NineP
import NinePClient
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import _p_mount

/// What the kernel is told of locks that the server grants to nobody, against a real server.
@Suite(.timeLimit(.minutes(5))) struct UndoneLockTests {
    private static let owner: UInt64 = 7
    private let served: ServedDirectory
    private let tree: RemoteTree
    private let handle: OpenHandle
    private let other: Session
    private let otherFid: Fid

    init() throws {
        served = try ServedDirectory(.own)
        try FileDescriptor.open(
            FilePath("\(served.export)/locked"), .writeOnly, options: .create, permissions: .ownerReadWrite
        ).close()
        let (session, fid) = try Self.attach(to: served.socket)
        let root = RemoteFid(owning: fid, of: session, FidCache(), epoch: nil)
        tree = RemoteTree(session, root: root, RemoteTree.Settings(), lockClient: "ours")
        let node = try tree.find("locked", in: tree.nodes.root, nil).node
        let open = try node.fid(nil).clone(nil)
        let (_, ioUnit) = try session.open(open.fid, .readWrite)
        handle = tree.handles.add(node, open, .readWrite, ioUnit: ioUnit)
        (other, otherFid) = try Self.attach(to: served.socket)
        let walked = other.fids.take()
        _ = try other.walk(otherFid, to: walked, ["locked"])
        _ = try other.open(walked, .readWrite)
        theirs = walked
    }

    private let theirs: Fid

    private static func attach(to socket: String) throws -> (Session, Fid) {
        let session = try Session(connectingTo: socket)
        let fid = session.fids.take()
        _ = try session.attach(fid, user: "", userNumber: getuid(), tree: "tree")
        return (session, fid)
    }

    private func lock(_ kind: FUSEMount.FileLock.Kind, _ start: UInt64, _ count: UInt64) -> NineP.FileLock {
        tree.owners.lock(
            FUSEMount.FileLock(kind, start: start, byteCount: count, process: 42), Self.owner, 42, .fcntl)
    }

    private func take(_ lock: NineP.FileLock) throws {
        try #require(try tree.session.lock(handle.fid.fid, lock) == .success)
    }

    /// What another client finds in its way there: the kind, or `unlock`.
    private func found(_ kind: NineP.FileLock.Kind, at start: UInt64) throws -> NineP.FileLock.Kind {
        let asked = NineP.FileLock(kind: kind, start: start, length: 1, processID: 1, clientID: "theirs")
        return try other.conflict(with: asked, on: theirs).kind
    }

    @Test("a lock nobody was told of is undone, and what its owner held before stays")
    func olderLockStays() throws {
        let older = lock(.read, 10, 10)
        try take(older)
        tree.owners.locked(Self.owner, older, through: handle)
        // Over it and beyond.
        let newer = lock(.write, 5, 20)
        try take(newer)
        #expect(try found(.read, at: 12) == .write)
        tree.undo(newer, handle, Self.owner)
        for byte: UInt64 in [10, 19] {
            #expect(try found(.write, at: byte) == .read, "still locked as it was")
            #expect(try found(.read, at: byte) == .unlock)
        }
        for byte: UInt64 in [5, 9, 20, 24] { #expect(try found(.write, at: byte) == .unlock) }
    }

    @Test("one that was counted as its owner's already is undone too, and a second time")
    func countedLock() throws {
        let older = lock(.write, 0, 4)
        try take(older)
        tree.owners.locked(Self.owner, older, through: handle)
        for _ in 0..<2 {
            let newer = lock(.read, 0, 0)
            try take(newer)
            let replaced = tree.owners.locked(Self.owner, newer, through: handle)
            tree.undo(newer, handle, Self.owner, restoring: replaced)
            #expect(try found(.read, at: 3) == .write)
            #expect(try found(.write, at: 4) == .unlock)
        }
    }

    @Test("after its owner's unlock there is nothing to be had again")
    func unlocked() throws {
        let older = lock(.read, 0, 10)
        try take(older)
        tree.owners.locked(Self.owner, older, through: handle)
        try take(lock(.unlock, 0, 5))
        tree.owners.set(Self.owner, to: [], within: lock(.unlock, 0, 5), of: handle.node)
        let newer = lock(.write, 0, 10)
        try take(newer)
        tree.undo(newer, handle, Self.owner)
        #expect(try found(.write, at: 4) == .unlock)
        #expect(try found(.write, at: 5) == .read)
    }
}

/// Without a kernel: what waits is asked again, and by whom.
@Suite(.timeLimit(.minutes(5))) struct LockWaitersTests {
    private final class Answers: Sendable {
        private let state = Mutex<[String: Errno?]>([:])
        func add(_ name: String, _ errno: Errno?) { state.withLock { $0[name] = .some(errno) } }
        subscript(name: String) -> Errno?? { state.withLock { $0[name] } }
    }

    private let waiters = LockWaiters()
    private let answers = Answers()

    private func calls(
        _ name: String, _ attempt: @escaping @Sendable (Interruption) -> LockWaiters.Attempt
    ) -> LockWaiters.Calls {
        let (answers, undoings) = (answers, undoings)
        return LockWaiters.Calls(attempt: attempt, undo: { undoings.add(name, nil) }) { errno in
            answers.add(name, errno)
            return true
        }
    }

    private let undoings = Answers()

    @Test("a server that takes its time over one lock holds up no other, and not those who come later")
    func slowOne() throws {
        let isAnswering = EndlessWait()
        defer { isAnswering.end() }
        for number in 0..<4 {
            waiters.add(
                calls("slow \(number)") { _ in
                    isAnswering.wait()
                    return .granted
                }, Interruption())
        }
        let attempts = Atomic(0)
        for name in ["first", "second"] {
            waiters.add(
                calls(name) { _ in
                    attempts.add(1, ordering: .relaxed).newValue < 5 ? .blocked : .granted
                }, Interruption())
        }
        try eventually("both others") { answers["first"] == .some(nil) && answers["second"] == .some(nil) }
        #expect(answers["slow 0"] == nil)
        isAnswering.end()
        try eventually("the slow ones") { (0..<4).allSatisfy { answers["slow \($0)"] == .some(nil) } }
    }

    @Test("who is interrupted is told so at once, between two attempts and in the middle of one")
    func interrupted() throws {
        let between = Interruption()
        waiters.add(calls("between") { _ in .blocked }, between)
        between.interrupt()
        try eventually("EINTR") { answers["between"] == .some(.interrupted) }
        #expect(undoings["between"] == nil, "nothing was under way")

        let within = Interruption()
        let hasBegun = Atomic(false)
        waiters.add(
            calls("within") { interruption in
                hasBegun.store(true, ordering: .relaxed)
                while !interruption.isRequested { Thread.pause(for: .milliseconds(1)) }
                return .failed(.interrupted)
            }, within)
        try eventually("the attempt") { hasBegun.load(ordering: .relaxed) }
        within.interrupt()
        try eventually("EINTR") { answers["within"] == .some(.interrupted) }
        #expect(undoings["within"] != nil, "it may have been granted")
    }
}

/// Holds threads until it is ended.
private final class EndlessWait: Sendable {
    private let isOver = Monitor(false)
    func wait() { isOver.waiting { $0 ? () : nil } }
    func end() {
        isOver.withLock { $0 = true }
        isOver.wakeAll()
    }
}
