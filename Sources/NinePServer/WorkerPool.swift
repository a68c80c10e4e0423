import LinuxSystem
import SystemPackage

/// A thread of the pool, seen from the work it does: whom it acts as.
final class Worker {
    private let accounts: Accounts
    private var acting: UserIdentity?
    /// The journaled request it executes.
    var request: JournaledRequest?

    init(_ accounts: Accounts) { self.accounts = accounts }

    /// From now on this thread reaches files as `identity`; costs nothing when it already does.
    func act(as identity: UserIdentity) throws(Errno) {
        guard accounts.becomesUsers, acting != identity else { return }
        acting = nil
        try identity.assume()
        acting = identity
    }

    /// From now on this thread reaches files with the server's own rights.
    func actAsServer() throws(Errno) { try act(as: accounts.ofProcess) }
}

/// Something for a worker to do.
protocol Work: AnyObject, Sendable {
    func run(on worker: Worker)
}

/// The threads that execute requests, so that a slow file system call holds up nobody who does not need it.
final class WorkerPool: Sendable {
    private struct Line {
        var front: [any Work] = []
        var back: [any Work] = []
        var isClosed = false

        mutating func take() -> (any Work)? {
            if front.isEmpty {
                front = back.reversed()
                back.removeAll(keepingCapacity: true)
            }
            return front.popLast()
        }
    }

    private let line = Monitor(Line())
    private let threads: [Thread]

    init(workerCount: Int, accounts: Accounts) throws(Errno) {
        var threads: [Thread] = []
        let line = line
        do throws(Errno) {
            for number in 0..<workerCount {
                threads.append(
                    try Thread("9p-worker-\(number)") { WorkerPool.work(from: line, Worker(accounts)) })
            }
        } catch {
            WorkerPool.close(line, threads)
            throw error
        }
        self.threads = threads
    }

    func submit(_ work: any Work) {
        line.withLock { $0.back.append(work) }
        line.wakeOne()
    }

    /// Lets the workers finish what is in line, and end.
    func close() { WorkerPool.close(line, threads) }

    private static func close(_ line: Monitor<Line>, _ threads: [Thread]) {
        line.withLock { $0.isClosed = true }
        line.wakeAll()
        for thread in threads { thread.join() }
    }

    private static func work(from line: Monitor<Line>, _ worker: Worker) {
        FileServing.clearCreationMask()
        while let work = line.waiting(for: { line in
            line.take().map(Optional.some) ?? (line.isClosed ? .some(nil) : nil)
        }) {
            work.run(on: worker)
        }
    }
}
