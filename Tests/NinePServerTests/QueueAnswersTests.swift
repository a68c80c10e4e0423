import CopyFile
import LinuxSystem
import Logging
import NinePServer
import SystemPackage
import Testing

@testable import _p_server

/// A copy file that keeps what is written to it, or refuses it.
final class RecordingPort: AnswerPort {
    private let state = Monitor((sent: [[UInt64]](), refusals: [CopyFileError](), isHeld: false, waiting: 0))

    func send(_ batch: borrowing BatchWriter) throws(CopyFileError) {
        var reader = BatchReader(.toDevice)
        do throws(BatchError) {
            try reader.read(batch.bytes().span)
        } catch { throw .malformed(error) }
        let tokens = reader.records.map(\.header.token)
        state.withLock { $0.waiting += 1 }
        state.wakeAll()
        let refusal = state.waiting { state -> CopyFileError?? in
            guard !state.isHeld else { return nil }
            if !state.refusals.isEmpty { return .some(state.refusals.removeFirst()) }
            state.sent.append(tokens)
            return .some(nil)
        }
        if let refusal { throw refusal }
    }

    /// The tokens of each batch that was taken; 0 for "broken".
    var sent: [[UInt64]] { state.withLock { $0.sent } }
    func refuse(with errors: CopyFileError...) { state.withLock { $0.refusals = errors } }

    func hold(_ isHeld: Bool) {
        state.withLock { $0.isHeld = isHeld }
        state.wakeAll()
    }

    /// Until so many batches were handed over, taken or not.
    func waitForBatches(_ count: Int) { state.waiting { $0.waiting >= count ? () : nil } }
}

@Suite("answers through a copy file")
struct QueueAnswersTests {
    let port = RecordingPort()
    let answers: QueueAnswers

    init() {
        var logger = Logger(label: "test", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = .critical
        answers = QueueAnswers(callByteCount: CopyLimits.callByteCount, logger: logger)
        answers.reopened(port)
    }

    private func begin(_ tokens: UInt64..., again: Bool = false) -> [Bool] {
        tokens.map { answers.begin($0, isRedelivered: again) }
    }

    @Test("each answer goes once, and a withdrawn chain goes back empty")
    func each() {
        #expect(begin(1, 2) == [true, true])
        answers.send([1, 2, 3], for: 2)
        answers.withdraw(1)
        #expect(port.sent == [[2], [1]])
    }

    @Test("what is answered while a batch is under way goes together in the next")
    func batches() throws {
        _ = begin(1, 2, 3, 4)
        port.hold(true)
        let first = try Thread("first") { [answers] in answers.send([1], for: 1) }
        port.waitForBatches(1)
        for token in 2...4 as ClosedRange<UInt64> { answers.send([1], for: token) }
        port.hold(false)
        first.join()
        #expect(port.sent == [[1], [2, 3, 4]])
    }

    @Test(
        "an answer that the tree's daemon did not live to take is given to the next, without doing it again")
    func redelivery() {
        _ = begin(1, 2)
        port.refuse(with: .disconnected)
        answers.send([1], for: 1)
        #expect(port.sent.isEmpty)
        let next = RecordingPort()
        answers.reopened(next)
        // Running through it all: its answer waits until this opening holds the chain, too.
        answers.send([2], for: 2)
        #expect(next.sent.isEmpty)
        #expect(begin(1, again: true) == [false])
        #expect(begin(2, again: true) == [false])
        #expect(next.sent == [[1], [2]])
    }

    @Test("that the device is broken is said to the next daemon when this one did not live to hear it")
    func brokenAcrossDaemons() {
        _ = begin(1)
        port.refuse(with: .disconnected)
        answers.drop(because: "a test says so")
        #expect(port.sent.isEmpty)
        let next = RecordingPort()
        answers.reopened(next)
        #expect(next.sent == [[0]])
    }

    @Test("what nobody claims again was completed before, and is forgotten")
    func unclaimed() {
        _ = begin(1, 2)
        port.refuse(with: .disconnected)
        answers.send([1], for: 1)
        answers.reopened(port)
        #expect(begin(3) == [true])
        answers.send([2], for: 2)
        answers.send([3], for: 3)
        #expect(port.sent == [[3]])
    }

    @Test("a stale token spoils no other answer of its batch")
    func staleToken() throws {
        _ = begin(1, 2, 3)
        port.hold(true)
        let first = try Thread("first") { [answers] in answers.send([1], for: 1) }
        port.waitForBatches(1)
        answers.send([1], for: 2)
        answers.send([1], for: 3)
        port.refuse(with: .reset, .reset, .reset)
        port.hold(false)
        first.join()
        #expect(port.sent == [[3]])
    }

    @Test("after a reset nothing of before is answered; a broken device is declared so")
    func endings() {
        _ = begin(1)
        answers.drop(because: "a test")
        #expect(port.sent == [[0]])
        answers.end()
        answers.send([1], for: 1)
        #expect(port.sent == [[0]])
    }
}
