import LinuxSystem
import Logging
import Synchronization
import SystemPackage

/// Looks out for the requests of one source, and serves them in the thread that took them in: no other has to be woken
/// for what takes microseconds. A request may also take seconds, so a second thread stands by:
///
/// ```
/// first:   takeIn ─► lend ─► serve ─► reclaim ─► takeIn ─► lend ─► serve …………………… (a slow file system)
/// second:  looks each millisecond whether one lending has lasted since the last look ─► takes over: takeIn ─► …
/// ```
///
/// Whoever has been relieved stands by once its request is done. While nobody stands by, and for what waits behind a
/// request that was slow, the pool's workers are woken. The second thread sleeps while nothing is asked for.
public final class Lookout<Source: RequestSource>: Sendable {
    private let source: Source
    private let pool: WorkerPool
    private let logger: Logger
    /// Odd while the source is lent, that is while its holder serves requests; each step counts one up.
    private let turn = Atomic<UInt64>(0)
    /// Whether somebody is there to take over, and whether he looks now and then.
    private let isRelieved = Atomic(false)
    private let isWatching = Atomic(false)
    private let relief = Parker()
    private let hasEnded = Atomic(false)
    private let failure = Mutex<Source.Failure?>(nil)

    private static var lookInterval: Duration { .milliseconds(1) }
    /// After so many looks at nothing the second thread sleeps.
    private static var quietLooks: Int { 50 }
    /// Requests served before the source is looked at again.
    private static var requestsPerTurn: Int { 64 }

    public init(_ source: Source, of server: NinePServer) {
        (self.source, pool, logger) = (source, server.pool, server.logger)
    }

    /// Serves until the source ends; the calling thread is one of the two.
    ///
    /// - Throws: what the source failed with. Without a second thread, which is logged, all is served by the pool.
    public func run() throws(Source.Failure) {
        var second: Thread?
        do throws(Errno) {
            second = try Thread("9p-relief") { [self] in
                let worker = pool.makeWorker()
                while takeOver(worker) { hold(worker) }
            }
        } catch {
            logger.warning(
                "requests are served by the workers alone, which is slower: no further thread can be made",
                metadata: ["error": "\(error)"])
        }
        let worker = pool.makeWorker()
        hold(worker)
        if second != nil { while takeOver(worker) { hold(worker) } }
        second?.join()
        // The caller gets its thread back as it was.
        _ = worker.actsAsServer(or: logger)
        if let failure = failure.withLock({ $0 }) { throw failure }
    }

    /// Takes requests in and serves them, until relieved or at the end.
    private func hold(_ worker: Worker) {
        while true {
            do throws(Source.Failure) {
                guard try source.takeIn(on: worker) else { return end(nil) }
            } catch { return end(error) }
            guard isRelieved.load(ordering: .sequentiallyConsistent) else {
                pool.wakeForAll()
                source.sendHeldBack()
                continue
            }
            let lent = lend()
            pool.serve(on: worker, atMost: Self.requestsPerTurn) { source.sendHeldBack() }
            // ORDER: acquiring and releasing, with `takeOver`: what one holder did to the source the next one sees.
            guard
                turn.compareExchange(expected: lent, desired: lent + 1, ordering: .acquiringAndReleasing)
                    .exchanged
            else { return }
            source.sendHeldBack()
        }
    }

    private func lend() -> UInt64 {
        // ORDER: sequentially consistent, against `sleep`: either that sees the step, or this sees it asleep.
        let lent = turn.add(1, ordering: .sequentiallyConsistent).newValue
        if !isWatching.load(ordering: .sequentiallyConsistent) {
            isWatching.store(true, ordering: .sequentiallyConsistent)
            relief.unpark()
        }
        return lent
    }

    /// Stands by until the holder has been at one turn's requests for long.
    ///
    /// - Returns: false at the end.
    private func takeOver(_ worker: Worker) -> Bool {
        standBy(worker)
        var (seen, quiet) = (UInt64(0), 0)
        while !hasEnded.load(ordering: .sequentiallyConsistent) {
            let now = turn.load(ordering: .sequentiallyConsistent)
            if now == seen, now % 2 == 1 {
                isRelieved.store(false, ordering: .sequentiallyConsistent)
                if turn.compareExchange(expected: now, desired: now + 1, ordering: .acquiringAndReleasing)
                    .exchanged
                {
                    // What waits behind the slow one has workers; what was answered before it goes.
                    pool.wakeForAll()
                    source.sendHeldBack()
                    return true
                }
                isRelieved.store(true, ordering: .sequentiallyConsistent)
            }
            quiet = now == seen ? quiet + 1 : 0
            seen = now
            if quiet < Self.quietLooks { relief.park(for: Self.lookInterval) } else { sleep(after: now) }
        }
        return false
    }

    /// Whatever was put in line while nobody stood by is done first: the workers may all be held up.
    private func standBy(_ worker: Worker) {
        isRelieved.store(true, ordering: .sequentiallyConsistent)
        // ORDER: against `hold`, which puts work in line and then looks whether it is relieved: one of us sees it.
        while pool.hasWaiting {
            isRelieved.store(false, ordering: .sequentiallyConsistent)
            pool.serve(on: worker, atMost: Self.requestsPerTurn) { source.sendHeldBack() }
            isRelieved.store(true, ordering: .sequentiallyConsistent)
        }
    }

    private func sleep(after seen: UInt64) {
        isWatching.store(false, ordering: .sequentiallyConsistent)
        if turn.load(ordering: .sequentiallyConsistent) == seen { relief.park() }
        isWatching.store(true, ordering: .sequentiallyConsistent)
    }

    private func end(_ error: Source.Failure?) {
        if let error { failure.withLock { $0 = $0 ?? error } }
        pool.wakeForAll()
        source.sendHeldBack()
        hasEnded.store(true, ordering: .sequentiallyConsistent)
        relief.unpark()
    }
}
