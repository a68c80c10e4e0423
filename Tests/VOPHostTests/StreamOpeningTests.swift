import CopyFile
import LinuxSystem
import SystemPackage
import Testing
import Virtio

@testable import HostTestSupport
@testable import VOPHost

/// The stream for shells: one read a chain, one write a chain.
@Suite struct StreamOpeningTests {
    typealias Used = CopyQueueBench.Used

    @Test("one read takes one chain, its bytes and nothing else, and completes it if it has no room to write")
    func readCompletes() throws {
        let bench = try CopyQueueBench()
        let stream = bench.queue.openStream()
        try bench.put([[1, 2], [3]])
        try bench.put([[4]])
        bench.show()
        #expect(stream.startRead(100).bytes == [1, 2, 3])
        #expect(try bench.used() == [Used(number: 1, bytes: [])])
        #expect(bench.rings == 1)
        #expect(stream.startRead(100).bytes == [4])
        #expect(try bench.used() == [Used(number: 2, bytes: [])])
    }

    @Test("a chain with room is completed by the write that answers it")
    func answered() throws {
        let bench = try CopyQueueBench()
        let stream = bench.queue.openStream()
        try bench.offer([1], room: 10)
        try bench.offer([2], room: 10)
        #expect(stream.startRead(100).bytes == [1])
        #expect(stream.startRead(100).bytes == [2])
        #expect(try bench.used() == [])
        #expect(stream.send([5, 6]) == nil)
        #expect(try bench.used() == [Used(number: 1, bytes: [5, 6])])
        #expect(stream.send([7]) == nil)
        #expect(try bench.used() == [Used(number: 2, bytes: [7])])
        #expect(stream.send([8]) == .wouldBlock)
    }

    @Test("Q25: a write fills the next chain that has nothing to read, and never waits for one")
    func writeOnly() throws {
        let bench = try CopyQueueBench()
        let stream = bench.queue.openStream()
        #expect(stream.send([1]) == .wouldBlock)
        try bench.put([], rooms: [2, 3])
        try bench.put([[9]])
        try bench.put([], rooms: [5])
        bench.show()
        #expect(stream.send([1, 2, 3]) == nil)
        #expect(stream.send([4]) == nil)
        #expect(stream.send([5]) == .wouldBlock)
        #expect(
            try bench.used() == [Used(number: 1, bytes: [1, 2, 3]), Used(number: 3, bytes: [4])])
        #expect(stream.startRead(100).bytes == [9])
    }

    @Test("a write longer than the chain's room says how much was taken")
    func shortWrite() throws {
        let bench = try CopyQueueBench()
        let stream = bench.queue.openStream()
        try bench.offer([], room: 3)
        let bytes: [UInt8] = [1, 2, 3, 4, 5]
        // SAFETY: any bytes are valid bytes.
        let count = try unsafe stream.write(bytes.span.bytes)
        #expect(count == 3)
        #expect(try bench.used() == [Used(number: 1, bytes: [1, 2, 3])])
    }

    @Test("a chain longer than the read goes on in the next")
    func longChain() throws {
        let bench = try CopyQueueBench()
        let stream = bench.queue.openStream()
        try bench.put([[1, 2, 3], [4, 5]])
        try bench.put([[6]])
        bench.show()
        #expect(stream.startRead(2).bytes == [1, 2])
        #expect(try bench.used() == [])
        #expect(stream.startRead(1).bytes == [3])
        #expect(stream.startRead(2).bytes == [4, 5])
        #expect(try bench.used().count == 1)
        #expect(stream.startRead(2).bytes == [6])
    }

    @Test(
        "chains that are for writing do not end a read, and those of nothing at all are completed on the way")
    func skipped() throws {
        let bench = try CopyQueueBench()
        let stream = bench.queue.openStream()
        try bench.put([], rooms: [5])
        try bench.put([[]])
        try bench.put([[1]])
        bench.show()
        #expect(stream.startRead(100).bytes == [1])
        #expect(try bench.used().map(\.number) == [2, 3])
    }

    @Test("a read waits; one that would is EAGAIN with O_NONBLOCK", arguments: [FeatureSet(), .eventIndex])
    func waits(features: FeatureSet) throws {
        let bench = try CopyQueueBench(features: features)
        let stream = bench.queue.openStream()
        #expect(stream.tryRead(10).errno == .wouldBlock)
        for round in 0..<4 {
            let read = stream.startRead(10)
            #expect(read.isWaiting)
            try bench.put([], rooms: [4])
            try bench.put([[UInt8(round)]])
            #expect(bench.show())
            #expect(read.bytes == [UInt8(round)])
        }
    }

    @Test("poll agrees with read and write")
    func poll() throws {
        let bench = try CopyQueueBench()
        var told = 0
        let stream = bench.queue.openStream { told += 1 }
        #expect(stream.poll() == [])
        try bench.offer([], room: 4)
        #expect(told == 1)
        #expect(stream.poll() == .writable)
        try bench.offer([1], room: 4)
        #expect(stream.poll() == [.readable, .writable])
        _ = stream.tryRead(10)
        #expect(stream.poll() == .writable)
        #expect(stream.send([1]) == nil)
        #expect(stream.poll() == .writable)
        #expect(stream.send([1]) == nil)
        #expect(stream.poll() == [])
    }

    @Test("the write answers the oldest chain even before it was read to its end")
    func earlyAnswer() throws {
        let bench = try CopyQueueBench()
        let stream = bench.queue.openStream()
        try bench.put([[1, 2, 3]], rooms: [4])
        try bench.put([[4]])
        bench.show()
        #expect(stream.startRead(2).bytes == [1, 2])
        #expect(stream.send([9]) == nil)
        #expect(try bench.used() == [Used(number: 1, bytes: [9])])
        #expect(stream.startRead(2).bytes == [4])
    }

    @Test("a lost reply leaves the chain where it was")
    func lost() throws {
        let bench = try CopyQueueBench()
        let stream = bench.queue.openStream()
        let lost = ScriptedRead(10)
        lost.isLost = true
        try bench.offer([1])
        stream.read(lost)
        #expect(try bench.used() == [])
        #expect(stream.startRead(10).bytes == [1])
        #expect(try bench.used().count == 1)
    }

    @Test("on close, chains taken and not answered go to the next opening, from their beginning")
    func close() throws {
        let bench = try CopyQueueBench()
        let stream = bench.queue.openStream()
        try bench.offer([1, 2], room: 4)
        try bench.offer([3, 4], room: 4)
        _ = stream.startRead(10)
        _ = stream.startRead(1)
        stream.close()
        let copy = bench.queue.openCopy()
        let delivered = try copy.startRead().delivered()
        #expect(delivered.map(\.bytes) == [[1, 2], [3, 4]])
        #expect(delivered.map(\.flags) == [.redelivered, .redelivered])
    }

    @Test("reset and removal are as for a copy file")
    func ends() throws {
        let bench = try CopyQueueBench()
        let stream = bench.queue.openStream()
        try bench.offer([1], room: 4)
        _ = stream.startRead(10)
        let waiting = stream.startRead(10)
        try bench.reset()
        #expect(waiting.errno == .staleNFSFileHandle)
        #expect(stream.send([1]) == .wouldBlock)
        try bench.activate()
        #expect(stream.tryRead(10).errno == .wouldBlock)
        bench.queue.remove()
        #expect(stream.startRead(10).errno == .operationNotSupportedByDevice)
        #expect(stream.send([1]) == .operationNotSupportedByDevice)
        #expect(stream.poll() == [.readable, .hangUp])
    }
}
