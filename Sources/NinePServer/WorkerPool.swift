import LinuxSystem
import Logging
public import SystemPackage

/// A thread that serves requests, seen from the work it does: whom it acts as.
public final class Worker {
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
    public func actAsServer() throws(Errno) { try act(as: accounts.ofProcess) }

    /// As `actAsServer`; whether it went well, which is logged if it did not.
    func actsAsServer(or logger: Logger) -> Bool {
        do throws(Errno) { try actAsServer() } catch {
            logger.error("a thread cannot act as the server itself", metadata: ["error": "\(error)"])
            return false
        }
        return true
    }
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

        var count: Int { front.count + back.count }

        mutating func take() -> (any Work)? {
            if front.isEmpty {
                // One after the other, the usual case, needs no turning round.
                if back.count == 1 { return back.popLast() }
                front = back.reversed()
                back.removeAll(keepingCapacity: true)
            }
            return front.popLast()
        }
    }

    /// Work that took longer than this may be worth a wake-up for what waits behind it.
    private static let slow = Duration.microseconds(20)
    private let line = Monitor(Line())
    private let threads: [Thread]
    private let accounts: Accounts

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
        self.accounts = accounts
    }

    /// - Parameter wakes: not when the calling thread serves next, or sees to it that somebody does.
    func submit(_ work: any Work, wakes: Bool = true) {
        line.withLock { $0.back.append(work) }
        if wakes { line.wakeOne() }
    }

    /// Wakes a worker for each thing in line.
    func wakeForAll() {
        for _ in 0..<min(line.withLock({ $0.count }), threads.count) { line.wakeOne() }
    }

    /// Whether something is in line.
    var hasWaiting: Bool { line.withLock { $0.count > 0 } }

    /// The calling thread becomes one that may `serve`.
    func makeWorker() -> Worker {
        FileServing.clearCreationMask()
        return Worker(accounts)
    }

    /// Does what is in line in the calling thread.
    ///
    /// - Parameters:
    ///   - limit: the most that is done.
    ///   - behindSlow: called when something took long and more waits; a worker is woken for that.
    func serve(on worker: Worker, atMost limit: Int, behindSlow: () -> Void) {
        var start: ContinuousClock.Instant?
        for _ in 0..<limit {
            let (work, waiting) = line.withLock { ($0.take(), $0.count) }
            guard let work else { return }
            if waiting > 0, start == nil { start = .now }
            work.run(on: worker)
            guard waiting > 0, let began = start else { continue }
            let now = ContinuousClock.now
            start = now
            if now - began > WorkerPool.slow {
                line.wakeOne()
                behindSlow()
            }
        }
        wakeForAll()
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
        while let (work, isMoreWaiting) = line.waiting(for: { line -> (any Work, Bool)?? in
            if let work = line.take() { return (work, line.count > 0) }
            return line.isClosed ? .some(nil) : nil
        }) {
            // Whoever put them there woke one of us, perhaps.
            if isMoreWaiting { line.wakeOne() }
            work.run(on: worker)
        }
    }
}
