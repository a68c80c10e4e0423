import CopyFile
import LinuxSystem
import SystemPackage
import Testing
import Virtio

@testable import HostTestSupport
@testable import VOPHost

/// Writing a copy file: batches of answers.
@Suite struct CopyWriteTests {
    typealias Used = CopyQueueBench.Used

    /// A bench with `count` chains of 10 bytes room delivered to one opening.
    private func delivered(_ count: Int, _ features: FeatureSet = []) throws -> (CopyQueueBench, QueueOpening)
    {
        let bench = try CopyQueueBench(features: features)
        let file = bench.queue.openCopy()
        for index in 0..<count { try bench.put([[UInt8(index)]], rooms: [4, 6]) }
        bench.show()
        #expect(try file.startRead().delivered().count == count)
        return (bench, file)
    }

    @Test("completed chains reach the used ring together, and the doorbell rings once")
    func together() throws {
        let (bench, file) = try delivered(3)
        let errno = file.send {
            $0.complete(2, payload: [1, 2, 3, 4, 5])
            $0.complete(1)
            $0.complete(3, payload: [9])
        }
        #expect(errno == nil)
        #expect(bench.rings == 1)
        #expect(
            try bench.used() == [
                Used(number: 2, bytes: [1, 2, 3, 4, 5]), Used(number: 1, bytes: []),
                Used(number: 3, bytes: [9]),
            ])
    }

    @Test(
        "the doorbell does not ring where the driver does not want it",
        arguments: [FeatureSet(), .eventIndex])
    func suppressed(features: FeatureSet) throws {
        let (bench, file) = try delivered(3, features)
        if features.isEmpty { bench.suppress() } else { bench.wantOnlyAfterTwo() }
        #expect(file.send { $0.complete(1) } == nil)
        #expect(bench.rings == 0)
        #expect(bench.queue.statistics.notificationsSuppressed == 1)
        #expect(file.send { $0.complete(2) } == nil)
        #expect(bench.rings == (features.isEmpty ? 0 : 1))
    }

    @Test("Q19: the used length counts bytes written, not bytes delivered")
    func usedLength() throws {
        let bench = try CopyQueueBench()
        let file = bench.queue.openCopy()
        try bench.offer([UInt8](repeating: 1, count: 100), room: 50)
        _ = file.startRead()
        #expect(file.send { $0.complete(1, payload: [7, 8]) } == nil)
        #expect(try bench.used() == [Used(number: 1, bytes: [7, 8])])
    }

    @Test("an answer may come in parts, in one batch or several")
    func more() throws {
        let (bench, file) = try delivered(2)
        let first = file.send {
            $0.answer(1, part: [1, 2, 3], offset: 0)
            $0.answer(2, part: [8], offset: 0)
            $0.answer(1, part: [4, 5], offset: 3)
        }
        #expect(first == nil)
        #expect(try bench.used() == [])
        #expect(bench.rings == 0)
        #expect(file.send { $0.complete(1, payload: [6], offset: 5) } == nil)
        #expect(file.send { $0.complete(2, offset: 1) } == nil)
        #expect(
            try bench.used() == [Used(number: 1, bytes: [1, 2, 3, 4, 5, 6]), Used(number: 2, bytes: [8])])
    }

    @Test("several batches in one call are taken one after the other")
    func severalBatches() throws {
        let (bench, file) = try delivered(2)
        var one = BatchWriter(.toDevice)
        one.complete(1, payload: [1])
        var two = BatchWriter(.toDevice)
        two.complete(2, payload: [2])
        #expect(file.send(one.bytes() + two.bytes()) == nil)
        #expect(bench.rings == 1)
        #expect(try bench.used().count == 2)
    }

    @Test("a call is taken up to the first batch that is refused, and says how much that was")
    func shortCount() throws {
        let (bench, file) = try delivered(3)
        var good = BatchWriter(.toDevice)
        good.complete(1)
        var bad = BatchWriter(.toDevice)
        bad.complete(2)
        bad.complete(99)
        let bytes = good.bytes() + bad.bytes() + good.bytes()
        // SAFETY: any bytes are valid bytes.
        let count = try unsafe file.write(bytes.span.bytes)
        #expect(count == good.byteCount)
        #expect(try bench.used() == [Used(number: 1, bytes: [])])
        // Cut in the middle of the second batch, as a call that the kernel splits is.
        let cut = bytes.prefix(good.byteCount + 5)
        #expect(file.send(Array(cut)) == .alreadyInProcess)
    }

    @Test("a chain completed already is EALREADY")
    func already() throws {
        let (bench, file) = try delivered(2)
        #expect(file.send { $0.complete(1) } == nil)
        #expect(file.send { $0.complete(1) } == .alreadyInProcess)
        let twice = file.send {
            $0.complete(2)
            $0.complete(2)
        }
        #expect(twice == .alreadyInProcess)
        let after = file.send {
            $0.complete(2)
            $0.answer(2, part: [1], offset: 0)
        }
        #expect(after == .alreadyInProcess)
        #expect(try bench.used().count == 1)
    }

    @Test("a token never issued is EINVAL", arguments: [UInt64(3), 4, .max])
    func neverIssued(token: UInt64) throws {
        let (bench, file) = try delivered(2)
        #expect(file.send { $0.complete(token) } == .invalidArgument)
        #expect(try bench.used() == [])
    }

    @Test("a token of an earlier life is ESTALE")
    func stale() throws {
        let (bench, file) = try delivered(2)
        #expect(file.send { $0.complete(1) } == nil)
        try bench.reset()
        #expect(file.send { $0.complete(2) } == .staleNFSFileHandle)
        #expect(file.send { $0.complete(1) } == .staleNFSFileHandle)
        try bench.activate()
        #expect(file.send { $0.complete(2) } == .staleNFSFileHandle)
        #expect(file.send { $0.complete(3) } == .invalidArgument)
        #expect(try bench.used() == [])
    }

    @Test("more than there is room for is EMSGSIZE, over all records of the chain")
    func tooMuch() throws {
        let (bench, file) = try delivered(2)
        #expect(file.send { $0.complete(1, payload: [UInt8](repeating: 0, count: 11)) } == .messageTooLong)
        let summed = file.send {
            $0.answer(1, part: [UInt8](repeating: 0, count: 6), offset: 0)
            $0.complete(1, payload: [UInt8](repeating: 0, count: 5), offset: 6)
        }
        #expect(summed == .messageTooLong)
        #expect(file.send { $0.complete(1, payload: [UInt8](repeating: 3, count: 10)) } == nil)
        #expect(try bench.used() == [Used(number: 1, bytes: [UInt8](repeating: 3, count: 10))])
    }

    @Test("somebody else's chain is EPERM, and one that nobody holds too")
    func somebodyElses() throws {
        let (bench, file) = try delivered(1)
        let other = bench.queue.openCopy()
        #expect(other.send { $0.complete(1) } == .notPermitted)
        file.close()
        #expect(other.send { $0.complete(1) } == .notPermitted)
        _ = other.startRead()
        #expect(other.send { $0.complete(1) } == nil)
    }

    @Test("an offset that is not where the answer stands is EINVAL")
    func wrongOffset() throws {
        let (bench, file) = try delivered(1)
        #expect(file.send { $0.complete(1, payload: [1], offset: 1) } == .invalidArgument)
        #expect(file.send { $0.answer(1, part: [1, 2], offset: 0) } == nil)
        #expect(file.send { $0.complete(1, payload: [3], offset: 0) } == .invalidArgument)
        #expect(file.send { $0.complete(1, payload: [3], offset: 2) } == nil)
        #expect(try bench.used() == [Used(number: 1, bytes: [1, 2, 3])])
    }

    @Test("3.3: a chain that has not been read to its end cannot be answered")
    func notReadYet() throws {
        let bench = try CopyQueueBench()
        let file = bench.queue.openCopy()
        try bench.offer([UInt8](repeating: 1, count: 700), room: 4)
        _ = file.startRead(512)
        #expect(file.send { $0.complete(1) } == .invalidArgument)
        _ = file.startRead(512)
        #expect(file.send { $0.complete(1) } == nil)
    }

    @Test("3.3: after an error nothing of the batch is completed, nothing is written and no cursor has moved")
    func allOrNothing() throws {
        let (bench, file) = try delivered(3)
        let refused = file.send {
            $0.complete(1, payload: [1, 1, 1])
            $0.answer(2, part: [2, 2], offset: 0)
            $0.complete(77)
        }
        #expect(refused == .invalidArgument)
        #expect(bench.rings == 0)
        #expect(try bench.used() == [])
        let taken = file.send {
            $0.complete(1)
            $0.complete(2, payload: [5], offset: 0)
            $0.complete(3)
        }
        #expect(taken == nil)
        #expect(try bench.used().map(\.bytes) == [[], [5], []])
    }

    @Test("what is no batch is EINVAL, one above the limit EMSGSIZE")
    func malformed() throws {
        let (_, file) = try delivered(1)
        #expect(file.send([1, 2, 3]) == .invalidArgument)
        #expect(file.send([UInt8](repeating: 0, count: 64)) == .invalidArgument)
        var writer = BatchWriter(.toDevice)
        writer.complete(1)
        var bytes = writer.bytes()
        bytes[14] = 0x10
        #expect(file.send(bytes) == .messageTooLong)
        #expect(file.send([]) == nil)
    }

    @Test("BROKEN: the device needs a reset, after what the batch completed")
    func broken() throws {
        let (bench, file) = try delivered(2)
        let errno = file.send {
            $0.complete(1, payload: [1])
            $0.declareBroken()
        }
        #expect(errno == nil)
        #expect(try bench.used() == [Used(number: 1, bytes: [1])])
        #expect(bench.faults.count == 1)
        try bench.offer([5])
        let read = file.startRead()
        #expect(read.isWaiting)
        #expect(file.poll() == .writable)
        #expect(file.send { $0.declareBroken() } == nil)
        #expect(bench.faults.count == 1)
        try bench.reset()
        #expect(read.errno == .staleNFSFileHandle)
        #expect(file.send { $0.declareBroken() } == .staleNFSFileHandle)
    }

    @Test("3.3: a driver that breaks a rule costs its device, once; what was taken can still be answered")
    func brokenDriver() throws {
        let (bench, file) = try delivered(1)
        let read = file.startRead()
        bench.breakRing()
        guard case .peer = bench.faults.first else {
            Issue.record("no fault was declared: \(bench.faults)")
            return
        }
        #expect(read.isWaiting)
        bench.breakRing()
        #expect(bench.faults.count == 1)
        #expect(file.send { $0.complete(1, payload: [4]) } == nil)
        #expect(try bench.used() == [Used(number: 1, bytes: [4])])
    }

    @Test("statistics count chains and bytes over all lives")
    func statistics() throws {
        let (bench, file) = try delivered(3)
        #expect(file.send { $0.complete(1, payload: [1, 2]) } == nil)
        try bench.reset()
        try bench.activate()
        let statistics = bench.queue.statistics
        #expect(statistics.chainsTaken == 3)
        #expect(statistics.chainsCompleted == 1)
        #expect(statistics.bytesRead == 3)
        #expect(statistics.bytesWritten == 2)
        #expect(statistics.notificationsSent == 1)
    }
}

extension CopyQueueBench {
    func suppress() { stopNotifications() }

    /// With the event index: tell me when you pass the second.
    func wantOnlyAfterTwo() { setUsedEvent(1) }
}
