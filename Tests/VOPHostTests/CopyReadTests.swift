import CopyFile
import LinuxSystem
import SystemPackage
import Testing
import Virtio

@testable import HostTestSupport
@testable import VOPHost

/// Reading a copy file: one batch a read.
@Suite struct CopyReadTests {
    typealias Delivered = ScriptedRead.Delivered

    @Test("a read returns one batch: as many chains as are ready, in order")
    func batch() throws {
        let bench = try CopyQueueBench()
        let file = bench.queue.openCopy()
        try bench.put([[1, 2], [3]], rooms: [10, 20])
        try bench.put([], rooms: [5])
        try bench.put([[4]])
        bench.show()
        let read = file.startRead()
        #expect(
            try read.delivered() == [
                Delivered(token: 1, bytes: [1, 2, 3], room: 30), Delivered(token: 2, bytes: [], room: 5),
                Delivered(token: 3, bytes: [4]),
            ])
    }

    @Test("the answer comes straight from the driver's memory, one slice a segment")
    func slices() throws {
        let bench = try CopyQueueBench()
        let file = bench.queue.openCopy()
        let segments = [2000, 1, 3000].map { [UInt8](repeating: UInt8($0 % 251), count: $0) }
        try bench.put(segments)
        bench.show()
        let read = file.startRead()
        #expect(read.sliceCount == 3)
        #expect(try read.delivered()[0].bytes == segments.flatMap { $0 })
    }

    @Test("small segments are copied into one answer")
    func smallSegments() throws {
        let bench = try CopyQueueBench()
        let file = bench.queue.openCopy()
        try bench.put([[1, 2], [3], [4, 5]])
        bench.show()
        let read = file.startRead()
        #expect(read.sliceCount == 0)
        #expect(try read.delivered()[0].bytes == [1, 2, 3, 4, 5])
    }

    @Test("a read waits until there is a chain", arguments: [FeatureSet(), .eventIndex])
    func waits(features: FeatureSet) throws {
        let bench = try CopyQueueBench(features: features)
        let file = bench.queue.openCopy()
        for round in 1...5 {
            let read = file.startRead()
            #expect(read.isWaiting)
            try bench.put([[7]])
            #expect(bench.show(), "the driver was asked to ring")
            #expect(try read.tokens() == [UInt64(round)])
        }
    }

    @Test("O_NONBLOCK: EAGAIN when there is none, a batch when there is one")
    func nonBlocking() throws {
        let bench = try CopyQueueBench()
        let file = bench.queue.openCopy()
        #expect(file.tryRead().errno == .wouldBlock)
        try bench.offer([7])
        #expect(try file.tryRead().tokens() == [1])
        #expect(file.tryRead().errno == .wouldBlock)
    }

    @Test("less room than the header's minimum is EINVAL", arguments: [0, 1, 511])
    func tooSmall(byteCount: Int) throws {
        let bench = try CopyQueueBench()
        try bench.offer([7])
        #expect(bench.queue.openCopy().startRead(byteCount).errno == .invalidArgument)
    }

    @Test("a chain that does not fit behind others waits whole for the next read")
    func nextRead() throws {
        let bench = try CopyQueueBench()
        let file = bench.queue.openCopy()
        try bench.put([[UInt8](repeating: 1, count: 200)])
        try bench.put([[UInt8](repeating: 2, count: 300)])
        try bench.put([[3]])
        bench.show()
        #expect(try file.startRead(512).tokens() == [1])
        let second = try file.startRead(512).delivered()
        #expect(second.map(\.token) == [2, 3])
        #expect(second.map(\.flags) == [[], []])
    }

    @Test(
        "a reply is shorter than what was asked for, even where a chain would just fit",
        arguments: [511, 512, 513])
    func alwaysShorter(byteCount: Int) throws {
        let bench = try CopyQueueBench()
        let file = bench.queue.openCopy()
        try bench.offer([UInt8](repeating: 9, count: byteCount - 48))
        let read = file.startRead(512)
        let delivered = try read.delivered()
        #expect(delivered[0].flags == (byteCount < 512 ? [] : .part))
    }

    @Test("3.3: a chain larger than the buffer arrives in parts, and nothing comes between them")
    func parts() throws {
        let bench = try CopyQueueBench()
        let file = bench.queue.openCopy()
        let long = (0..<1500).map { UInt8(truncatingIfNeeded: $0) }
        try bench.put([Array(long[..<700]), Array(long[700...])], rooms: [8])
        try bench.put([[1]])
        bench.show()
        var whole: [UInt8] = []
        var count = 0
        while whole.count < 1500 {
            let delivered = try file.startRead(512).delivered()
            #expect(delivered[0].token == 1)
            #expect(delivered[0].offset == UInt32(whole.count))
            whole += delivered[0].bytes
            #expect(delivered[0].flags == (whole.count < 1500 ? .part : []))
            #expect(delivered.count == (whole.count < 1500 ? 1 : 2))
            count += 1
        }
        #expect(whole == long)
        #expect(count == 4)
    }

    @Test("a chain of more segments than one call takes arrives in parts too")
    func manySegments() throws {
        let bench = try CopyQueueBench(size: 2048)
        let file = bench.queue.openCopy()
        try bench.put((0..<1500).map { [UInt8(truncatingIfNeeded: $0)] })
        bench.show()
        let first = file.startRead()
        let second = file.startRead()
        let (start, end) = (try first.delivered()[0].bytes, try second.delivered()[0].bytes)
        #expect(start.count == 960 && end.count == 540)
        #expect(start + end == (0..<1500).map { UInt8(truncatingIfNeeded: $0) })
    }

    @Test("Q24: a batch holds no more slices than one call takes")
    func manyChains() throws {
        let bench = try CopyQueueBench(size: 2048)
        let file = bench.queue.openCopy()
        for index in 0..<1000 { try bench.put([[UInt8(truncatingIfNeeded: index)]]) }
        bench.show()
        #expect(try file.startRead().delivered().count == 960)
        #expect(try file.startRead().delivered().count == 40)
    }

    @Test("two openings that wait at once each get different chains")
    func twoReaders() throws {
        let bench = try CopyQueueBench()
        let first = bench.queue.openCopy()
        let second = bench.queue.openCopy()
        let reads = [first.startRead(), second.startRead()]
        for index in 0..<5 { try bench.put([[UInt8(index)]]) }
        bench.show()
        #expect(try reads[0].tokens() == [1, 2, 3])
        #expect(try reads[1].tokens() == [4, 5])
    }

    @Test("one chain goes to one of two waiting openings, the other goes on waiting")
    func oneChainTwoReaders() throws {
        let bench = try CopyQueueBench()
        let reads = [bench.queue.openCopy().startRead(), bench.queue.openCopy().startRead()]
        try bench.offer([1])
        #expect(try reads[0].tokens() == [1])
        #expect(reads[1].isWaiting)
        try bench.offer([2])
        #expect(try reads[1].tokens() == [2])
    }

    @Test("two reads of one opening wait side by side")
    func twoReadsOfOne() throws {
        let bench = try CopyQueueBench()
        let file = bench.queue.openCopy()
        let reads = [file.startRead(), file.startRead()]
        try bench.put([[1]])
        try bench.put([[2]])
        bench.show()
        #expect(try reads.map { try $0.tokens() } == [[1], [2]])
    }

    @Test("before DRIVER_OK a read waits")
    func beforeLife() throws {
        let bench = try CopyQueueBench(isActive: false)
        let file = bench.queue.openCopy()
        #expect(file.tryRead().errno == .wouldBlock)
        #expect(file.poll() == .writable)
        let read = file.startRead()
        try bench.put([[1]])
        bench.show()
        #expect(read.isWaiting)
        try bench.activate()
        #expect(try read.tokens() == [1])
    }

    @Test("a read whose caller has given up takes nothing")
    func givenUp() throws {
        let bench = try CopyQueueBench()
        let file = bench.queue.openCopy()
        let over = file.startRead()
        over.isOver = true
        let cancelled = file.startRead()
        file.cancel(cancelled)
        let read = file.startRead()
        try bench.offer([1])
        #expect(over.isWaiting)
        #expect(cancelled.isWaiting)
        #expect(try read.tokens() == [1])
    }

    @Test("3.3: if a reply cannot be delivered, its chains are put back, as if nobody had asked")
    func lost() throws {
        let bench = try CopyQueueBench()
        let file = bench.queue.openCopy()
        let lost = file.startRead()
        lost.isLost = true
        let waiting = bench.queue.openCopy().startRead()
        try bench.put([[1]])
        try bench.put([[2]])
        bench.show()
        #expect(lost.isWaiting)
        #expect(
            try waiting.delivered() == [Delivered(token: 1, bytes: [1]), Delivered(token: 2, bytes: [2])])
        #expect(bench.queue.heldCount == 2)
        let lostAlone = ScriptedRead()
        lostAlone.isLost = true
        file.read(lostAlone)
        try bench.offer([3])
        #expect(try file.startRead().delivered() == [Delivered(token: 3, bytes: [3])])
    }

    @Test("the rest of a chain whose delivery got lost comes again")
    func lostPart() throws {
        let bench = try CopyQueueBench()
        let file = bench.queue.openCopy()
        try bench.offer([UInt8](repeating: 5, count: 700))
        #expect(try file.startRead(512).delivered()[0].bytes.count == 463)
        let lost = ScriptedRead(512)
        lost.isLost = true
        file.read(lost)
        let rest = try file.startRead(512).delivered()
        #expect(rest[0].offset == 463)
        #expect(rest[0].bytes.count == 237)
    }

    @Test("poll agrees with what read would do")
    func poll() throws {
        let bench = try CopyQueueBench()
        let file = bench.queue.openCopy()
        #expect(file.poll() == .writable)
        try bench.put([[1]])
        #expect(file.poll() == .writable)
        bench.show()
        #expect(file.poll() == [.readable, .writable])
        _ = file.tryRead()
        #expect(file.poll() == .writable)
        try bench.offer([UInt8](repeating: 5, count: 700))
        _ = file.tryRead(512)
        #expect(file.poll() == [.readable, .writable])
        _ = file.tryRead(512)
        #expect(file.poll() == .writable)
    }

    @Test(
        "a poller is told when something has come, and only those that can read",
        arguments: [FeatureSet(), .eventIndex])
    func readiness(features: FeatureSet) throws {
        let bench = try CopyQueueBench(features: features)
        var told = 0
        let file = bench.queue.openCopy { told += 1 }
        #expect(file.tryRead().errno == .wouldBlock)
        told = 0
        try bench.put([[1]])
        #expect(bench.show())
        #expect(told == 1)
        _ = file.tryRead()
        #expect(told == 1)
        try bench.put([[2]])
        #expect(bench.show())
        #expect(told == 2)
        #expect(file.poll().contains(.readable))
    }

    @Test("while chains wait to be read the driver need not ring; when all are read it is asked to again")
    func suppression() throws {
        let bench = try CopyQueueBench()
        let file = bench.queue.openCopy()
        for index in 0..<10 { try bench.put([[UInt8](repeating: UInt8(index), count: 300)]) }
        bench.show()
        #expect(try file.tryRead(512).tokens() == [1])
        try bench.put([[1]])
        #expect(!bench.show())
        var tokens: [UInt64] = []
        while true {
            let read = file.tryRead()
            guard read.errno == nil else { break }
            tokens += try read.tokens()
        }
        #expect(tokens == Array(2...11))
        try bench.put([[1]])
        #expect(bench.show())
    }

    @Test("device memory is answered from a private copy, with the same bytes")
    func deviceMemory() throws {
        let bench = try CopyQueueBench(hasDeviceMemory: true)
        let file = bench.queue.openCopy()
        try bench.put([[1, 2, 3], [4, 5, 6, 7, 8, 9, 10, 11, 12]], rooms: [20])
        bench.show()
        let read = file.startRead()
        #expect(read.sliceCount == 0)
        #expect(try read.delivered() == [Delivered(token: 1, bytes: Array(1...12), room: 20)])
        #expect(file.send { $0.complete(1, payload: Array(1...15)) } == nil)
        #expect(try bench.used() == [.init(number: 1, bytes: Array(1...15))])
    }

    @Test("what the driver changes after delivery does not change what was delivered")
    func changingMemory() throws {
        let bench = try CopyQueueBench()
        let file = bench.queue.openCopy()
        try bench.offer([1, 2, 3], room: 4)
        let read = file.startRead()
        bench.scribbleOverBuffers()
        #expect(try read.delivered() == [Delivered(token: 1, bytes: [1, 2, 3], room: 4)])
    }
}
