import CopyFile
import LinuxSystem
import SystemPackage
import Testing
import Virtio

@testable import HostTestSupport
@testable import VOPHost

/// Openings come and go, lives end, devices are removed.
@Suite struct CopyLifeTests {
    typealias Delivered = ScriptedRead.Delivered
    typealias Used = CopyQueueBench.Used

    @Test("3.3: on close, chains return to the head of the queue, in order, with their token and a flag")
    func putBack() throws {
        let bench = try CopyQueueBench()
        let first = bench.queue.openCopy()
        for index in 1...4 { try bench.put([[UInt8(index)]], rooms: [4]) }
        bench.show()
        _ = first.startRead()
        #expect(first.send { $0.complete(2) } == nil)
        try bench.offer([5], room: 4)
        first.close()
        let second = bench.queue.openCopy()
        #expect(
            try second.startRead().delivered() == [
                Delivered(token: 1, bytes: [1], flags: .redelivered, room: 4),
                Delivered(token: 3, bytes: [3], flags: .redelivered, room: 4),
                Delivered(token: 4, bytes: [4], flags: .redelivered, room: 4),
                Delivered(token: 5, bytes: [5], room: 4),
            ])
        #expect(bench.queue.statistics.redeliveries == 3)
        #expect(second.send { $0.complete(3, payload: [33]) } == nil)
        #expect(try bench.used() == [Used(number: 2, bytes: []), Used(number: 3, bytes: [33])])
    }

    @Test("3.3: a chain comes again from its beginning: what was read and written of it counts for nothing")
    func fromTheBeginning() throws {
        let bench = try CopyQueueBench()
        let first = bench.queue.openCopy()
        try bench.put([[UInt8](repeating: 1, count: 700)], rooms: [4])
        try bench.put([[2]], rooms: [4])
        bench.show()
        _ = first.startRead(512)
        _ = first.startRead(512)
        #expect(first.send { $0.answer(1, part: [9, 9, 9], offset: 0) } == nil)
        first.close()
        let second = bench.queue.openCopy()
        let again = try second.startRead().delivered()
        #expect(again.map(\.token) == [1, 2])
        #expect(again[0].offset == 0)
        #expect(again[0].bytes.count == 700)
        #expect(second.send { $0.complete(1, payload: [1, 2, 3, 4], offset: 0) } == nil)
        #expect(try bench.used() == [Used(number: 1, bytes: [1, 2, 3, 4])])
    }

    @Test("a chain of which only a part was delivered comes again whole, and says so in every part")
    func partlyDelivered() throws {
        let bench = try CopyQueueBench()
        let first = bench.queue.openCopy()
        try bench.offer([UInt8](repeating: 1, count: 700))
        _ = first.startRead(512)
        first.close()
        let second = bench.queue.openCopy()
        #expect(try second.startRead(512).delivered().map(\.flags) == [[.part, .redelivered]])
        #expect(try second.startRead(512).delivered().map(\.flags) == [.redelivered])
    }

    @Test("chains put back go to whoever waits already")
    func putBackToWaiting() throws {
        let bench = try CopyQueueBench()
        let first = bench.queue.openCopy()
        try bench.offer([1])
        _ = first.startRead()
        let waiting = bench.queue.openCopy().startRead()
        #expect(waiting.isWaiting)
        first.close()
        #expect(try waiting.tokens() == [1])
    }

    @Test("kept reads of a closed opening are over, and it takes nothing more")
    func closed() throws {
        let bench = try CopyQueueBench()
        let file = bench.queue.openCopy()
        let read = file.startRead()
        file.close()
        file.close()
        try bench.offer([1])
        #expect(read.isWaiting)
        #expect(file.startRead().errno == .badFileDescriptor)
        #expect(try bench.queue.openCopy().startRead().tokens() == [1])
    }

    @Test("tokens are never used twice, across resets")
    func tokens() throws {
        let bench = try CopyQueueBench()
        let file = bench.queue.openCopy()
        var seen: [UInt64] = []
        for _ in 0..<3 {
            for _ in 0..<3 { try bench.put([[1]]) }
            bench.show()
            seen += try file.startRead().tokens()
            try bench.reset()
            #expect(file.tryRead().errno == .staleNFSFileHandle)
            try bench.activate()
        }
        #expect(seen == Array(1...9))
    }

    @Test("tokens go on where an earlier holder of the queue left off")
    func firstToken() throws {
        let bench = try CopyQueueBench(firstToken: 1000)
        let file = bench.queue.openCopy()
        try bench.offer([1])
        #expect(try file.startRead().tokens() == [1000])
        #expect(file.send { $0.complete(999) } == .staleNFSFileHandle)
    }

    @Test("a reset is told once to each opening, then reads wait for the next life")
    func resetTold() throws {
        let bench = try CopyQueueBench()
        let waitingFile = bench.queue.openCopy()
        let otherFile = bench.queue.openCopy()
        let waiting = waitingFile.startRead()
        try bench.reset()
        #expect(waiting.errno == .staleNFSFileHandle)
        #expect(otherFile.poll().contains(.priority))
        #expect(otherFile.poll().contains(.readable))
        #expect(!waitingFile.poll().contains(.priority))
        #expect(otherFile.tryRead().errno == .staleNFSFileHandle)
        #expect(otherFile.poll() == .writable)
        #expect(otherFile.tryRead().errno == .wouldBlock)
        let next = waitingFile.startRead()
        try bench.activate()
        #expect(next.isWaiting)
        try bench.offer([1])
        #expect(try next.tokens() == [1])
        let fresh = bench.queue.openCopy()
        #expect(fresh.poll() == .writable)
    }

    @Test("the next life may have begun before an opening hears of the reset: it hears it first")
    func resetToldLate() throws {
        let bench = try CopyQueueBench()
        let file = bench.queue.openCopy()
        try bench.reset()
        try bench.activate()
        try bench.offer([1])
        #expect(file.startRead().errno == .staleNFSFileHandle)
        #expect(try file.startRead().tokens() == [1])
    }

    @Test("several resets before an opening reads are one; of two waiting reads one hears it")
    func severalResets() throws {
        let bench = try CopyQueueBench()
        let file = bench.queue.openCopy()
        let reads = [file.startRead(), file.startRead()]
        try bench.reset()
        #expect(reads[0].errno == .staleNFSFileHandle)
        #expect(reads[1].isWaiting)
        for _ in 0..<3 {
            try bench.activate()
            try bench.reset()
        }
        #expect(reads[1].errno == .staleNFSFileHandle)
        #expect(file.tryRead().errno == .staleNFSFileHandle)
        #expect(file.tryRead().errno == .wouldBlock)
    }

    @Test("a reset that nobody heard is told again")
    func resetLost() throws {
        let bench = try CopyQueueBench()
        let file = bench.queue.openCopy()
        try bench.reset()
        let lost = ScriptedRead()
        lost.isLost = true
        file.read(lost)
        #expect(file.startRead().errno == .staleNFSFileHandle)
    }

    @Test("a reset wakes pollers")
    func resetWakes() throws {
        let bench = try CopyQueueBench()
        var told = 0
        let file = bench.queue.openCopy { told += 1 }
        _ = file.tryRead()
        told = 0
        try bench.reset()
        #expect(told == 1)
    }

    @Test("Q6: chains held over a reset are gone: neither delivered again nor completed")
    func resetForgets() throws {
        let bench = try CopyQueueBench()
        let file = bench.queue.openCopy()
        try bench.offer([UInt8](repeating: 1, count: 700))
        _ = file.startRead(512)
        try bench.reset()
        try bench.activate()
        #expect(file.tryRead().errno == .staleNFSFileHandle)
        #expect(file.tryRead().errno == .wouldBlock)
        #expect(bench.queue.heldCount == 0)
        file.close()
        #expect(bench.queue.openCopy().tryRead().errno == .wouldBlock)
    }

    @Test("removal is ENODEV and POLLHUP for good")
    func removal() throws {
        let bench = try CopyQueueBench()
        var told = 0
        let file = bench.queue.openCopy { told += 1 }
        try bench.offer([1])
        _ = file.startRead()
        let waiting = [file.startRead(), bench.queue.openCopy().startRead()]
        told = 0
        try bench.reset()
        bench.queue.remove()
        #expect(waiting.map(\.errno) == [.staleNFSFileHandle, .staleNFSFileHandle])
        #expect(told > 0)
        for _ in 0..<3 {
            #expect(file.poll() == [.readable, .hangUp])
            #expect(file.startRead().errno == .operationNotSupportedByDevice)
            #expect(file.send { $0.complete(1) } == .operationNotSupportedByDevice)
        }
        let late = bench.queue.openCopy()
        #expect(late.startRead().errno == .operationNotSupportedByDevice)
        file.close()
    }

    @Test("removal ends reads that wait before the first life")
    func removalBeforeLife() throws {
        let bench = try CopyQueueBench(isActive: false)
        let read = bench.queue.openCopy().startRead()
        bench.queue.remove()
        #expect(read.errno == .operationNotSupportedByDevice)
    }

    @Test("a whole device: each queue its own chains and tokens")
    func device() throws {
        let device = CopyDevice(queueCount: 2)
        #expect(device.queues.count == 2)
        let files = device.queues.map { $0.openCopy() }
        device.service()
        device.reset()
        #expect(files[0].tryRead().errno == .wouldBlock)
        #expect(device.queueStatistics == [QueueStatistics(), QueueStatistics()])
        device.remove()
        #expect(files[1].tryRead().errno == .operationNotSupportedByDevice)
    }

    @Test("many openings, random ends: every chain is answered once, none is lost", arguments: 0..<6)
    func randomRun(seed: UInt64) throws {
        var state = seed &+ 1
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let bench = try CopyQueueBench(size: 32, features: seed % 2 == 0 ? [] : [.eventIndex])
        var openings: [(file: QueueOpening, held: [UInt64], reads: [ScriptedRead])] = []
        var expected: [UInt64: [UInt8]] = [:]
        var answered = 0
        var put = 0
        for _ in 0..<2500 {
            switch random(6) {
            case 0:
                guard bench.freeCount >= 2 else { continue }
                let number = try bench.put(
                    [[UInt8](repeating: UInt8(put & 0xFF), count: 1 + random(300))], rooms: [2])
                expected[number] = [UInt8(put & 0xFF), 7]
                put += 1
                if random(3) > 0 { bench.show() }
            case 1:
                if openings.count < 4 { openings.append((bench.queue.openCopy(), [], [])) }
            case 2, 3:
                guard !openings.isEmpty else { continue }
                let index = random(openings.count)
                openings[index].reads.append(openings[index].file.startRead(512 + random(2000)))
            case 4:
                guard !openings.isEmpty else { continue }
                let index = random(openings.count)
                let file = openings[index].file
                for token in openings[index].held {
                    // A token names the chain that the driver put in that order.
                    let errno = file.send { $0.complete(token, payload: expected[token] ?? []) }
                    #expect(errno == nil)
                }
                openings[index].held = []
            default:
                guard !openings.isEmpty, random(8) == 0 else { continue }
                openings.remove(at: random(openings.count)).file.close()
            }
            for index in openings.indices {
                let done = openings[index].reads.filter { !$0.isWaiting }
                openings[index].reads.removeAll { !$0.isWaiting }
                for read in done {
                    for record in try read.delivered() where !record.flags.contains(.part) {
                        openings[index].held.append(record.token)
                    }
                }
            }
            for used in try bench.used() {
                #expect(used.bytes == expected.removeValue(forKey: used.number))
                answered += 1
            }
        }
        bench.show()
        for opening in openings { opening.file.close() }
        let last = bench.queue.openCopy()
        while true {
            let read = last.tryRead()
            guard read.errno == nil else { break }
            for token in try read.tokens() {
                #expect(last.send { $0.complete(token, payload: expected[token] ?? []) } == nil)
            }
            for used in try bench.used() {
                #expect(used.bytes == expected.removeValue(forKey: used.number))
                answered += 1
            }
        }
        #expect(answered == put)
        #expect(expected.isEmpty)
        #expect(bench.faults.isEmpty)
    }
}
