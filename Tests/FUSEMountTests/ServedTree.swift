import ControlTree
import FUSEMount
import Glibc
import LinuxSystem
import Synchronization
import SystemPackage
import TestSupport

/// A tree mounted for a test, built and served by a thread with a loop of its own.
final class ServedTree: Sendable {
    private struct Work: Sendable {
        var jobs: [@Sendable (Tree) -> Void] = []
        var isEnding = false
        var failure: MountError?
    }

    let directory: TemporaryDirectory
    let refusals = Mutex<[RefusedRequest]>([])
    private let wake: EventCounter
    private let work = Mutex(Work())
    private let thread = Mutex<Thread?>(nil)

    var path: String { directory.path }

    init(location: String = "", allowsOthers: Bool = false, _ build: @escaping @Sendable (Directory) -> Void)
        throws
    {
        directory = try TemporaryDirectory()
        wake = try EventCounter()
        let started = try EventCounter()
        let thread = try Thread("tree-test") { [self] in
            try? serve(location, allowsOthers, build, started)
            started.signal()
        }
        self.thread.withLock { $0 = thread }
        let poller = try Poller()
        try poller.add(started.rawDescriptor, .readable, token: 0)
        guard try !poller.wait(for: HangGuard.limit).isEmpty else { throw Overdue("the tree's thread") }
        if let failure = work.withLock({ $0.failure }) { throw failure }
    }

    private func serve(
        _ location: String, _ allowsOthers: Bool, _ build: @Sendable (Directory) -> Void,
        _ started: EventCounter
    ) throws {
        let root = Directory(mode: 0o755)
        build(root)
        let tree = Tree(root: root, location: location)
        tree.onRefusal = { [self] refused in refusals.withLock { $0.append(refused) } }
        let session: FUSESession
        do throws(MountError) {
            session = try FUSESession(
                TreeFilesystem(tree), at: directory.path, .controlTree(allowsOthers: allowsOthers))
        } catch {
            work.withLock { $0.failure = error }
            return
        }
        let poller = try Poller()
        try poller.add(session.pollDescriptor, .readable, token: 0)
        try poller.add(wake.rawDescriptor, .readable, token: 1)
        started.signal()
        var hasEnded = false
        while !hasEnded {
            _ = try poller.wait(for: nil)
            wake.drain()
            let (jobs, isEnding) = work.withLock { work in
                defer { work.jobs = [] }
                return (work.jobs, work.isEnding)
            }
            for job in jobs { job(tree) }
            hasEnded = try session.service() || isEnding
        }
        session.unmount()
    }

    /// Does something with the tree on the thread that serves it, and waits for it.
    func perform(_ job: @escaping @Sendable (Tree) -> Void) throws {
        let done = try EventCounter()
        work.withLock {
            $0.jobs.append { tree in
                job(tree)
                done.signal()
            }
        }
        wake.signal()
        let poller = try Poller()
        try poller.add(done.rawDescriptor, .readable, token: 0)
        guard try !poller.wait(for: HangGuard.limit).isEmpty else { throw Overdue("the tree's thread") }
    }

    func end() {
        work.withLock { $0.isEnding = true }
        wake.signal()
        thread.withLock { $0.take() }?.join()
    }

    func file(_ name: String) -> String { "\(path)/\(name)" }
}

/// A value that a test and a tree's thread share.
final class Box<Value: Sendable>: Sendable {
    private let state: Mutex<Value>
    init(_ value: Value) { state = Mutex(value) }

    var value: Value {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}

/// A stream that gives what was put into it and takes what is written; shared with the test.
final class ScriptedStream: StreamFile, Sendable {
    struct State {
        var ready: [UInt8] = []
        var waiting: [any PendingRead] = []
        var written: [[UInt8]] = []
        var isClosed = false
        var undelivered = 0
        var interrupted = 0
    }

    let state = Mutex(State())
    let readiness: any ReadinessSignal

    init(_ opening: Opening) { readiness = opening.readiness }

    func read(_ read: any PendingRead) {
        let ready = state.withLock { state in
            defer { state.ready = [] }
            return state.ready
        }
        if !ready.isEmpty {
            read.reply(ready)
        } else if read.isNonBlocking {
            read.fail(.wouldBlock)
        } else {
            read.onInterrupt { [self] in state.withLock { $0.interrupted += 1 } }
            state.withLock { $0.waiting.append(read) }
        }
    }

    func write(_ bytes: RawSpan, isNonBlocking: Bool) throws(Errno) -> Int {
        guard bytes.byteCount < 1000 else { throw .messageTooLong }
        let copy = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
        state.withLock { $0.written.append(copy) }
        return bytes.byteCount
    }

    func poll() -> PollEvents { state.withLock { $0.ready.isEmpty } ? .writable : [.readable, .writable] }

    func close() {
        state.withLock { state in
            state.isClosed = true
            state.waiting = []
        }
    }

    /// Answers the read that waits, or keeps the bytes for the next.
    func give(_ bytes: [UInt8]) {
        let waiting = state.withLock { $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }
        if let waiting {
            if !waiting.reply(bytes) { state.withLock { $0.undelivered += 1 } }
        } else {
            state.withLock { $0.ready = bytes }
            readiness.changed()
        }
    }
}
