import SharedMemory
import Testing
import Virtio
import Virtqueue

/// What a well-behaved driver offers, and how a device sees it.
@Suite struct DeviceTakeTests {
    @Test("nothing available is nil, not an error")
    func nothing() throws {
        let memory = try RingMemory()
        var device = try memory.device()
        let chain = try device.takeChain()
        #expect(chain == nil)
        let empty = device.isEmpty
        #expect(empty)
    }

    @Test("2.7.13: a head that is there but not shown by the index is not taken")
    func notShown() throws {
        let memory = try RingMemory()
        var device = try memory.device()
        memory.describe(3, memory.buffer(), 10)
        memory.host.store16(3, at: 128 + 4)
        let before = try device.takeChain()
        #expect(before == nil)
        memory.setAvailableIndex(1)
        let after = try device.takeChain()
        #expect(after?.head == 3)
    }

    @Test("2.7.5: a chain of readable then writable descriptors, with its totals")
    func totals() throws {
        let memory = try RingMemory()
        var device = try memory.device()
        memory.describe(0, memory.buffer(), 5, RingMemory.next, next: 4)
        memory.describe(4, memory.buffer(100), 3, RingMemory.next, next: 2)
        memory.describe(2, memory.buffer(200), 7, RingMemory.next | RingMemory.write, next: 1)
        memory.describe(1, memory.buffer(300), 1, RingMemory.write)
        memory.offer(0)
        let chain = try #require(try device.takeChain())
        #expect(chain.head == 0)
        #expect(chain.descriptorCount == 4)
        #expect(chain.readableByteCount == 8)
        #expect(chain.readableSegmentCount == 2)
        #expect(chain.writableByteCount == 8)
        #expect(chain.writableSegmentCount == 2)
        let inFlight = device.inFlightCount
        #expect(inFlight == 1)
    }

    @Test("the next field means nothing without the NEXT flag")
    func nextWithoutFlag() throws {
        let memory = try RingMemory()
        var device = try memory.device()
        memory.describe(0, memory.buffer(), 5, 0, next: 9999)
        memory.offer(0)
        let chain = try device.takeChain()
        #expect(chain?.descriptorCount == 1)
    }

    @Test(
        "bytes come in the order of the descriptors, across segments, in any cut",
        arguments: [1, 2, 3, 7, 64])
    func readInCuts(cut: Int) throws {
        let memory = try RingMemory()
        var device = try memory.device()
        memory.fill(0, [1, 2, 3, 4, 5])
        memory.fill(100, [6, 7, 8])
        memory.describe(0, memory.buffer(), 5, RingMemory.next, next: 1)
        memory.describe(1, memory.buffer(100), 3)
        memory.offer(0)
        let chain = try #require(try device.takeChain())
        var reader = device.reader(of: chain)
        var all: [UInt8] = []
        while reader.remainingByteCount > 0 {
            var part = [UInt8](repeating: 0, count: cut)
            let count = device.read(&reader, into: &part)
            all += part.prefix(count)
        }
        #expect(all == [1, 2, 3, 4, 5, 6, 7, 8])
        var more: [UInt8] = [0]
        let atEnd = device.read(&reader, into: &more)
        #expect(atEnd == 0)
    }

    @Test("written bytes are scattered over the writable segments and nowhere else")
    func scatter() throws {
        let memory = try RingMemory()
        var device = try memory.device()
        memory.describe(0, memory.buffer(0), 4, RingMemory.next, next: 1)
        memory.describe(1, memory.buffer(100), 3, RingMemory.next | RingMemory.write, next: 2)
        memory.describe(2, memory.buffer(200), 5, RingMemory.write)
        memory.offer(0)
        let chain = try #require(try device.takeChain())
        var writer = device.writer(of: chain)
        let first: [UInt8] = [1, 2]
        let second: [UInt8] = [3, 4, 5, 6, 7, 8, 9, 10, 11]
        let firstCount = device.copy(first.span, to: &writer)
        let secondCount = device.copy(second.span, to: &writer)
        #expect(firstCount == 2)
        #expect(secondCount == 6)
        #expect(writer.remainingByteCount == 0)
        #expect(memory.bytes(99, 5) == [0, 1, 2, 3, 0])
        #expect(memory.bytes(199, 7) == [0, 4, 5, 6, 7, 8, 0])
        #expect(memory.bytes(0, 4) == [0, 0, 0, 0])
    }

    @Test("a part of a buffer can be written, from any position")
    func partOfSource() throws {
        let memory = try RingMemory()
        var device = try memory.device()
        memory.describe(0, memory.buffer(), 8, RingMemory.write)
        memory.offer(0)
        let chain = try #require(try device.takeChain())
        var writer = device.writer(of: chain)
        let source: [UInt8] = [0, 1, 2, 3, 4, 5]
        let count = device.copy(source.span, from: 2, byteCount: 3, to: &writer)
        #expect(count == 3)
        #expect(memory.bytes(0, 4) == [2, 3, 4, 0])
    }

    @Test("a cursor is a value: a copy comes back to where it was")
    func cursorCopy() throws {
        let memory = try RingMemory()
        var device = try memory.device()
        memory.fill(0, [1, 2, 3, 4])
        memory.describe(0, memory.buffer(), 4)
        memory.offer(0)
        let chain = try #require(try device.takeChain())
        var reader = device.reader(of: chain)
        let start = reader
        var bytes: [UInt8] = [0, 0]
        _ = device.read(&reader, into: &bytes)
        #expect(bytes == [1, 2])
        reader = start
        _ = device.read(&reader, into: &bytes)
        #expect(bytes == [1, 2])
    }

    @Test("pieces name the memory itself, one a segment, cut where asked")
    func pieces() throws {
        let memory = try RingMemory()
        var device = try memory.device()
        memory.describe(0, memory.buffer(0), 5, RingMemory.next, next: 1)
        memory.describe(1, memory.buffer(100), 3, RingMemory.next, next: 2)
        memory.describe(2, memory.buffer(200), 4, RingMemory.write)
        memory.offer(0)
        let chain = try #require(try device.takeChain())
        var reader = device.reader(of: chain)
        let base = memory.bufferOffset
        let first = device.nextPiece(&reader, atMost: 2)
        let second = device.nextPiece(&reader)
        let third = device.nextPiece(&reader, atMost: 100)
        let end = device.nextPiece(&reader)
        #expect(first == WindowSlice(windowIndex: 0, offset: base, byteCount: 2))
        #expect(second == WindowSlice(windowIndex: 0, offset: base + 2, byteCount: 3))
        #expect(third == WindowSlice(windowIndex: 0, offset: base + 100, byteCount: 3))
        #expect(end == nil)
        var writer = device.writer(of: chain)
        let writable = device.nextPiece(&writer)
        #expect(writable == WindowSlice(windowIndex: 0, offset: base + 200, byteCount: 4))
    }

    @Test("descriptors of no bytes hold none, wherever they point, and keep their place in the order")
    func zeroLengths() throws {
        let memory = try RingMemory()
        var device = try memory.device()
        memory.fill(0, [9, 8])
        memory.describe(0, 0xDEAD_0000_0000, 0, RingMemory.next, next: 1)
        memory.describe(1, memory.buffer(), 2, RingMemory.next, next: 2)
        memory.describe(2, .max, 0, RingMemory.next | RingMemory.write, next: 3)
        memory.describe(3, memory.buffer(50), 2, RingMemory.next | RingMemory.write, next: 4)
        memory.describe(4, 0, 0, RingMemory.write)
        memory.offer(0)
        let chain = try #require(try device.takeChain())
        #expect(chain.readableByteCount == 2)
        #expect(chain.readableSegmentCount == 1)
        #expect(chain.writableSegmentCount == 1)
        let read = device.readAll(chain)
        #expect(read == [9, 8])
        device.answer(chain, [1, 2, 3])
        #expect(memory.bytes(50, 3) == [1, 2, 0])
    }

    @Test("a chain of nothing at all is a chain")
    func emptyChain() throws {
        let memory = try RingMemory()
        var device = try memory.device()
        memory.describe(0, 0, 0)
        memory.offer(0)
        let chain = try #require(try device.takeChain())
        let read = device.readAll(chain)
        #expect(read == [])
        device.complete(chain, written: 0)
        _ = device.publishUsed()
        #expect(memory.shownUsedIndex == 1)
    }

    @Test("several chains are in flight at once, and are completed in any order")
    func anyOrder() throws {
        let memory = try RingMemory()
        var device = try memory.device()
        var chains: [DescriptorChain] = []
        for index in 0..<8 {
            memory.describe(index, memory.buffer(16 * index), 4, RingMemory.write)
            memory.offer(UInt16(index))
            chains.append(try #require(try device.takeChain()))
        }
        for index in [3, 0, 7, 1, 2, 6, 5, 4] { device.answer(chains[index], [UInt8(index)]) }
        _ = device.publishUsed()
        #expect((0..<8).map { memory.usedElement($0).id } == [3, 0, 7, 1, 2, 6, 5, 4])
        #expect((0..<8).map { memory.bytes(16 * $0, 1) } == (0..<8).map { [UInt8($0)] })
    }

    @Test("a descriptor can be used again once its chain is completed")
    func reuse() throws {
        let memory = try RingMemory(size: 2)
        var device = try memory.device()
        for round in 0..<10 {
            memory.describe(0, memory.buffer(), 1, RingMemory.next, next: 1)
            memory.describe(1, memory.buffer(8), 1, RingMemory.write)
            memory.offer(0)
            memory.fill(0, [UInt8(round)])
            let chain = try #require(try device.takeChain())
            device.answer(chain, device.readAll(chain))
            _ = device.publishUsed()
            #expect(memory.bytes(8, 1) == [UInt8(round)])
        }
    }

    @Test("what the driver changes after a chain was taken does not move it")
    func changedAfterTaken() throws {
        let memory = try RingMemory()
        var device = try memory.device()
        memory.fill(0, [1, 2, 3])
        memory.describe(0, memory.buffer(), 3, RingMemory.next, next: 1)
        memory.describe(1, memory.buffer(64), 2, RingMemory.write)
        memory.offer(0)
        let chain = try #require(try device.takeChain())
        memory.describe(0, .max - 1, .max, RingMemory.next | RingMemory.write, next: 0)
        memory.describe(1, 0, .max, RingMemory.next | RingMemory.indirect, next: 60000)
        let read = device.readAll(chain)
        #expect(read == [1, 2, 3])
        device.answer(chain, [7, 7])
        #expect(memory.bytes(64, 3) == [7, 7, 0])
    }

    @Test("2.7.13: the index is free-running and wraps at 65536", arguments: [1, 4, 128])
    func indexWraps(size: Int) throws {
        let memory = try RingMemory(size: size)
        var device = try memory.device()
        memory.describe(0, memory.buffer(), 4, RingMemory.write)
        for round in 0..<65600 {
            memory.offer(0)
            guard let chain = try device.takeChain() else {
                Issue.record("nothing taken in round \(round)")
                return
            }
            device.complete(chain, written: 4)
            _ = device.publishUsed()
        }
        #expect(memory.shownUsedIndex == UInt16(65600 - 65536))
        let empty = device.isEmpty
        #expect(empty)
    }

    @Test("every size works, its whole ring in flight at once", arguments: [1, 2, 64, 1024, 32768])
    func sizes(size: Int) throws {
        let memory = try RingMemory(size: size)
        var device = try memory.device()
        for index in 0..<size {
            memory.describe(index, memory.buffer(), 1)
            memory.offer(UInt16(index))
        }
        var chains: [DescriptorChain] = []
        while let chain = try device.takeChain() { chains.append(chain) }
        #expect(chains.map(\.head) == (0..<size).map { UInt16($0) })
        for chain in chains { device.complete(chain, written: 0) }
        _ = device.publishUsed()
        #expect(Int(memory.shownUsedIndex) == size)
    }

    @Test("the used ring may lie in the ring region itself")
    func usedNotApart() throws {
        let memory = try RingMemory(usedApart: false)
        var device = try memory.device()
        memory.describe(5, memory.buffer(), 4, RingMemory.write)
        memory.offer(5)
        let chain = try #require(try device.takeChain())
        device.answer(chain, [1])
        _ = device.publishUsed()
        #expect(memory.usedElement(0) == (5, 1))
        #expect(memory.host.load16(at: 4098) == 1)
    }
}
