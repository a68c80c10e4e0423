import NineP
import Synchronization

/// How requests come in, wait, are flushed, and go out.
extension NinePSession {
    /// What is to be done about an arrival once the session's lock is free.
    enum Step {
        case nothing
        case submit(Job)
        /// The flush is answered; the request it took out, if any, never will be.
        case answerFlush(Job, instead: Job?)
        case renew(Job, cancelled: [Job])
        case drop(String)
    }

    func admit(_ job: Job, wakes: Bool) {
        let step = state.withLock { state -> Step in
            guard !state.hasEnded else { return .nothing }
            state.pendingCount += 1
            state.pendingCost += job.cost
            guard state.renewal == nil else {
                state.held.append(job)
                return .nothing
            }
            return state.place(job)
        }
        take(step, wakes: wakes)
    }

    private func take(_ step: Step, wakes: Bool = true) {
        switch step {
        case .nothing: break
        case .submit(let job): server.pool.submit(job, wakes: wakes)
        case .answerFlush(let flush, let instead):
            if let instead { sink.withdraw(instead.token) }
            answer(flushers: [flush])
        case .renew(let job, let cancelled):
            for job in cancelled { sink.withdraw(job.token) }
            if state.withLock({ $0.runningCount == 0 && $0.renewal === job && $0.claimRenewal() }) {
                server.pool.submit(SessionRenewal(self, job))
            }
        case .drop(let reason): sink.drop(because: reason)
        }
    }

    /// A carrier without room for even an error gets nothing back.
    private func deliver(_ frame: [UInt8], for job: Job) {
        if frame.count <= job.replyCapacity {
            sink.send(frame, for: job.token)
        } else {
            sink.withdraw(job.token)
        }
    }

    /// A worker has come to `job`.
    func run(_ job: Job, on worker: Worker) {
        let begins = state.withLock { state in
            guard job.stage == .waiting, !state.hasEnded else { return false }
            job.stage = .running
            state.runningCount += 1
            return true
        }
        if begins {
            let frame = execute(job, on: worker)
            counts.note(job.request.type, answeredBy: frame)
            finish(job, with: frame, on: worker)
        } else {
            // This thread serves next what it puts in line.
            for ready in state.withLock({ $0.order.leave(job) }) { server.pool.submit(ready, wakes: false) }
        }
    }

    private func finish(_ job: Job, with frame: [UInt8], on worker: Worker) {
        let isWanted = state.withLock { state in
            job.stage = .answering
            state.forget(job)
            return state.renewal == nil && !state.hasEnded
        }
        if isWanted { deliver(frame, for: job) } else { sink.withdraw(job.token) }
        let flushers = state.withLock { state in
            job.stage = .finished
            if state.jobs[job.tag] === job { state.jobs[job.tag] = nil }
            return job.takeFlushers()
        }
        // Before the count goes down: no Rflush may come after an Rversion.
        answer(flushers: flushers)
        let (ready, next, isLast) = state.withLock { state -> ([Job], Step, Bool) in
            state.runningCount -= 1
            return (
                state.order.leave(job), state.whatIdlenessAllows(), state.hasEnded && state.runningCount == 0
            )
        }
        for job in ready { server.pool.submit(job, wakes: false) }
        if case .renew(let renewal, _) = next { server.pool.submit(SessionRenewal(self, renewal)) }
        if isLast { endAllFids(on: worker) }
    }

    /// Answers flushes whose old request has been answered, or never will be; then the flushes of those flushes.
    private func answer(flushers: [Job]) {
        var line = flushers
        var next = 0
        while next < line.count {
            let flush = line[next]
            next += 1
            let isWanted = state.withLock { state in
                flush.stage = .answering
                state.forget(flush)
                return state.renewal == nil && !state.hasEnded
            }
            if isWanted {
                let frame = Reply.flush.encoded(tag: flush.tag)
                counts.note(.flush, answeredBy: frame)
                deliver(frame, for: flush)
            } else {
                sink.withdraw(flush.token)
            }
            line += state.withLock { state in
                flush.stage = .finished
                if state.jobs[flush.tag] === flush { state.jobs[flush.tag] = nil }
                return flush.takeFlushers()
            }
        }
    }

    /// Tversion, once nothing runs: every fid goes, the size is agreed, and what arrived behind it has its turn.
    func renew(_ job: Job, on worker: Worker) {
        endAllFids(on: worker)
        let frame = agree(job)
        counts.note(.version, answeredBy: frame)
        beginJournal()
        let isWanted = state.withLock { state in
            state.forget(job)
            return !state.hasEnded
        }
        if isWanted { deliver(frame, for: job) }
        let steps = state.withLock { state -> [Step] in
            guard state.renewal === job else { return [] }
            state.renewal = nil
            state.isRenewing = false
            var steps: [Step] = []
            var held = state.held[...]
            state.held = []
            while state.renewal == nil, let next = held.popFirst() { steps.append(state.place(next)) }
            state.held = Array(held)
            return steps
        }
        for step in steps { take(step) }
    }
}

extension NinePSession.State {
    /// Gives an arrival its place. Its tag must not be in flight.
    mutating func place(_ job: Job) -> NinePSession.Step {
        if let old = jobs[job.tag], old.stage != .answering {
            return .drop("\(job.tag) used again before its reply")
        }
        switch job.request {
        case .version:
            let cancelled = cancelWaiting()
            renewal = job
            return .renew(job, cancelled: cancelled)
        case .flush(let oldTag): return placeFlush(job, of: oldTag)
        default:
            jobs[job.tag] = job
            return order.enter(job) ? .submit(job) : .nothing
        }
    }

    private mutating func placeFlush(_ flush: Job, of oldTag: Tag) -> NinePSession.Step {
        let old = oldTag == flush.tag ? nil : jobs[oldTag]
        jobs[flush.tag] = flush
        // A flush that waits is under way: one that flushes it waits behind it.
        flush.stage = .running
        guard let old else { return .answerFlush(flush, instead: nil) }
        guard old.stage == .waiting else {
            old.flushers.append(flush)
            return .nothing
        }
        old.stage = .cancelled
        jobs[oldTag] = nil
        forget(old)
        return .answerFlush(flush, instead: old)
    }

    /// Takes out everything that has not begun.
    mutating func cancelWaiting() -> [Job] {
        let cancelled = jobs.values.filter { $0.stage == .waiting }
        for job in cancelled {
            job.stage = .cancelled
            jobs[job.tag] = nil
            forget(job)
        }
        return cancelled
    }

    /// `job` takes nothing of its client's share any more.
    mutating func forget(_ job: Job) {
        pendingCount -= 1
        pendingCost -= job.cost
    }

    mutating func whatIdlenessAllows() -> NinePSession.Step {
        guard runningCount == 0, let renewal, claimRenewal() else { return .nothing }
        return .renew(renewal, cancelled: [])
    }

    /// True for the one caller who is to start the renewal.
    mutating func claimRenewal() -> Bool {
        guard !isRenewing else { return false }
        isRenewing = true
        return true
    }
}

extension Job {
    fileprivate func takeFlushers() -> [Job] {
        defer { flushers = [] }
        return flushers
    }
}

/// The work of a Tversion.
final class SessionRenewal: Work {
    private let session: NinePSession
    private let job: Job

    init(_ session: NinePSession, _ job: Job) { (self.session, self.job) = (session, job) }

    func run(on worker: Worker) { session.renew(job, on: worker) }
}
