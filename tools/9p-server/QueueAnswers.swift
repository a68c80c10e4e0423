import CopyFile
import LinuxSystem
import Logging
import NinePServer

/// Where answers to a queue's chains are written: an open copy file.
protocol AnswerPort: Sendable {
    func send(_ batch: borrowing BatchWriter) throws(CopyFileError)
}

extension CopyFileClient: AnswerPort {}

/// The answers to one device's queue, from one reset to the next: the replies of one session, chain by chain.
///
/// ```
/// received ──► running ──► answered ──► sent      a chain, by its token
///    ▲             │           │
///    └─────────────┴───────────┘  the daemon went away and came back: the chain is delivered again
/// ```
///
/// Whichever worker answers first sends, and takes along what others answer meanwhile: batches grow with the load.
/// An answer is kept until it was written, so a chain that is delivered again after the tree went away is answered
/// and not executed once more. The session's journal does the same for a successor of this process.
final class QueueAnswers: ReplySink {
    private struct Chain {
        /// Which opening of the copy file delivered it last: only that one may be answered through.
        var opening: UInt64
        var answer: [UInt8]?
    }

    private struct State {
        var port: (any AnswerPort)?
        var opening: UInt64 = 0
        var chains: [UInt64: Chain] = [:]
        /// Answered and deliverable, in that order.
        var due: [UInt64] = []
        var isSending = false
        /// What is answered waits for what came with it.
        var isHeldBack = false
        var isBroken = false
        var isOver = false
        /// Whether chains of earlier openings may still be delivered again.
        var expectsRedelivery = false
    }

    private let state = Monitor(State())
    /// Told which answers the device's daemon has for good.
    private let forgotten: @Sendable ([UInt64]) -> Void
    private let callByteCount: Int
    private let logger: Logger

    init(callByteCount: Int, logger: Logger, forgotten: @escaping @Sendable ([UInt64]) -> Void = { _ in }) {
        (self.callByteCount, self.logger, self.forgotten) = (callByteCount, logger, forgotten)
    }

    /// Chains that were taken and whose answers have not been written.
    var tokens: Set<UInt64> { state.withLock { Set($0.chains.keys) } }

    /// From now on chains come, and answers go, through another opening of the file.
    func reopened(_ port: any AnswerPort) {
        state.withLock { state in
            state.port = port
            state.opening += 1
            state.due = []
            state.expectsRedelivery = !state.chains.isEmpty
        }
        // "Broken" may be waiting for a daemon to say it to.
        sendDue()
    }

    /// The device was reset or removed: nothing of before is answered any more.
    func end() {
        state.withLock { state in
            state = State()
            state.isOver = true
        }
        state.wakeAll()
    }

    /// Takes note of a chain; whether its request is still to be executed.
    func begin(_ token: UInt64, isRedelivered: Bool) -> Bool {
        let isNew = state.withLock { state -> Bool in
            if state.expectsRedelivery, !isRedelivered {
                // Those come first, so what was not claimed by now was completed before the daemon went.
                let opening = state.opening
                state.chains = state.chains.filter { $0.value.opening == opening }
                state.expectsRedelivery = false
            }
            guard state.chains[token] != nil else {
                state.chains[token] = Chain(opening: state.opening)
                return true
            }
            state.chains[token]?.opening = state.opening
            if state.chains[token]?.answer != nil { state.due.append(token) }
            return false
        }
        if !isNew { sendDue() }
        return isNew
    }

    func send(_ frame: [UInt8], for token: UInt64) {
        state.withLock { state in
            state.chains[token]?.answer = frame
            if state.chains[token]?.opening == state.opening { state.due.append(token) }
        }
        sendDue()
        state.wakeAll()
    }

    /// The chain goes back with nothing written to it.
    func withdraw(_ token: UInt64) { send([], for: token) }

    func drop(because reason: String) {
        logger.notice("the device is declared broken", metadata: ["reason": "\(reason)"])
        state.withLock { $0.isBroken = true }
        sendDue()
    }

    /// Waits until `hasRoom`; asked again whenever something was answered.
    func waitForRoom(_ hasRoom: () -> Bool) { state.waiting { $0.isOver || hasRoom() ? () : nil } }

    /// From now on answers wait for `sendHeldBack`.
    func holdBack() { state.withLock { $0.isHeldBack = true } }

    func sendHeldBack() {
        guard
            state.withLock({ state in
                defer { state.isHeldBack = false }
                return state.isHeldBack
            })
        else { return }
        sendDue()
    }

    private func sendDue() {
        guard
            state.withLock({ state in
                guard !state.isSending, !state.isHeldBack, state.port != nil else { return false }
                state.isSending = true
                return true
            })
        else { return }
        while let (port, opening, batch, tokens) = nextBatch() {
            let error = send(batch, through: port)
            finish(tokens, of: opening, after: error, through: port)
        }
    }

    /// The next batch, or an end to sending.
    private func nextBatch() -> (any AnswerPort, UInt64, BatchWriter, [UInt64])? {
        state.withLock { state in
            guard let port = state.port, !state.due.isEmpty || state.isBroken else {
                state.isSending = false
                return nil
            }
            var batch = BatchWriter(.toDevice, maximumByteCount: callByteCount)
            var tokens: [UInt64] = []
            for token in state.due {
                guard let answer = state.chains[token]?.answer, answer.count <= batch.room else { break }
                batch.complete(token, payload: answer)
                tokens.append(token)
            }
            state.due.removeFirst(tokens.count)
            if tokens.isEmpty {
                state.due = []
                batch.declareBroken()
                state.isBroken = false
            }
            return (port, state.opening, batch, tokens)
        }
    }

    private func send(_ batch: BatchWriter, through port: any AnswerPort) -> CopyFileError? {
        do throws(CopyFileError) {
            KillPoint.reach(.beforeAnswer)
            try port.send(batch)
            KillPoint.reach(.afterAnswer)
            return nil
        } catch { return error }
    }

    private func finish(
        _ tokens: [UInt64], of opening: UInt64, after error: CopyFileError?, through port: any AnswerPort
    ) {
        switch error {
        case .disconnected, .removed:
            // Kept: whoever serves the file next may deliver the chains again.
            state.withLock { state in
                if state.opening == opening { state.port = nil }
                // The batch without a token is the one that says "broken".
                if tokens.isEmpty { state.isBroken = true }
            }
        case .some(let error) where tokens.count > 1:
            // One of them spoilt it, from before a reset perhaps. The others shall not suffer.
            logger.debug("a batch was refused", metadata: ["error": "\(error)"])
            for token in tokens { sendAlone(token, of: opening, through: port) }
        case .some(let error):
            if error != .reset { logger.error("an answer was refused", metadata: ["error": "\(error)"]) }
            forget(tokens, of: opening)
        case nil: forget(tokens, of: opening)
        }
    }

    private func sendAlone(_ token: UInt64, of opening: UInt64, through port: any AnswerPort) {
        guard let answer = state.withLock({ $0.chains[token]?.answer }) else { return }
        var batch = BatchWriter(.toDevice, maximumByteCount: callByteCount)
        batch.complete(token, payload: answer)
        finish([token], of: opening, after: send(batch, through: port), through: port)
    }

    /// Those were written; unless they were delivered again meanwhile, which only a lost write explains.
    private func forget(_ tokens: [UInt64], of opening: UInt64) {
        state.withLock { state in
            for token in tokens where state.chains[token]?.opening == opening { state.chains[token] = nil }
        }
        forgotten(tokens)
    }
}
