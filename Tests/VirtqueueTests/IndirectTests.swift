import SharedMemory
import Testing
import Virtio
import Virtqueue

/// Indirect tables (VIRTIO 1.3, 2.7.5.3).
@Suite struct IndirectTests {
    private func memory(_ size: Int = 8) throws -> RingMemory {
        try RingMemory(size: size, features: [.indirectDescriptors])
    }

    /// Writes entry `index` of a table that begins `table` bytes into the buffers.
    private func entry(
        _ memory: RingMemory, _ table: Int, _ index: Int, _ address: UInt64, _ count: UInt32,
        _ flags: UInt16 = 0, next: UInt16 = 0
    ) {
        let words = [address, UInt64(count) | UInt64(flags) << 32 | UInt64(next) << 48]
        let bytes = words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
        memory.fill(table + 16 * index, bytes)
    }

    private func taken(_ memory: RingMemory) throws -> PeerViolation? {
        var device = try memory.device()
        return violation { _ = try device.takeChain() }
    }

    @Test(
        "2.7.5.3: the chain is the table's, in the order of its next fields", arguments: [4096, 4097, 4100])
    func inOrder(table: Int) throws {
        let memory = try memory()
        var device = try memory.device()
        memory.fill(0, [1, 2])
        memory.fill(32, [3])
        entry(memory, table, 0, memory.buffer(0), 2, RingMemory.next, next: 2)
        entry(memory, table, 2, memory.buffer(32), 1, RingMemory.next, next: 1)
        entry(memory, table, 1, memory.buffer(64), 4, RingMemory.write)
        memory.describe(6, memory.buffer(table), 48, RingMemory.indirect)
        memory.offer(6)
        let chain = try #require(try device.takeChain())
        #expect(chain.readableByteCount == 3)
        #expect(chain.writableByteCount == 4)
        let read = device.readAll(chain)
        #expect(read == [1, 2, 3])
        device.answer(chain, [9, 9, 9, 9])
        _ = device.publishUsed()
        #expect(memory.bytes(64, 5) == [9, 9, 9, 9, 0])
        #expect(memory.usedElement(0) == (6, 4))
    }

    @Test("2.7.5.3.2: direct descriptors may come before the table, whose own WRITE flag means nothing")
    func mixed() throws {
        let memory = try memory()
        var device = try memory.device()
        memory.fill(0, [1])
        memory.fill(8, [2])
        memory.describe(0, memory.buffer(0), 1, RingMemory.next, next: 1)
        memory.describe(1, memory.buffer(4096), 16, RingMemory.indirect | RingMemory.write)
        entry(memory, 4096, 0, memory.buffer(8), 1)
        memory.offer(0)
        let chain = try #require(try device.takeChain())
        let read = device.readAll(chain)
        #expect(read == [1, 2])
    }

    @Test("the table is copied: what the driver changes afterwards does not move the chain")
    func copied() throws {
        let memory = try memory()
        var device = try memory.device()
        memory.fill(0, [1])
        entry(memory, 4096, 0, memory.buffer(0), 1)
        memory.describe(0, memory.buffer(4096), 16, RingMemory.indirect)
        memory.offer(0)
        let chain = try #require(try device.takeChain())
        entry(memory, 4096, 0, .max, .max, RingMemory.indirect)
        let read = device.readAll(chain)
        #expect(read == [1])
    }

    @Test("2.7.5.3.1: INDIRECT with NEXT is refused")
    func withNext() throws {
        let memory = try memory()
        memory.describe(0, memory.buffer(4096), 16, RingMemory.indirect | RingMemory.next, next: 1)
        memory.offer(0)
        #expect(try taken(memory) == .indirect(head: 0))
    }

    @Test("2.7.5.3.1: a table in a table is refused")
    func nested() throws {
        let memory = try memory()
        memory.describe(0, memory.buffer(4096), 16, RingMemory.indirect)
        entry(memory, 4096, 0, memory.buffer(8192), 16, RingMemory.indirect)
        memory.offer(0)
        #expect(try taken(memory) == .indirect(head: 0))
    }

    @Test(
        "2.7.5.3: a length that is no whole number of descriptors is refused",
        arguments: [UInt32(0), 1, 15, 17, 31])
    func badLength(count: UInt32) throws {
        let memory = try memory()
        memory.describe(0, memory.buffer(4096), count, RingMemory.indirect)
        memory.offer(0)
        #expect(try taken(memory) == .indirect(head: 0))
    }

    @Test("a next outside the table is refused", arguments: [UInt16(2), 7, .max])
    func nextOutside(next: UInt16) throws {
        let memory = try memory()
        memory.describe(0, memory.buffer(4096), 32, RingMemory.indirect)
        entry(memory, 4096, 0, memory.buffer(), 1, RingMemory.next, next: next)
        memory.offer(0)
        #expect(try taken(memory) == .descriptorIndex(UInt32(next), queueSize: 2))
    }

    @Test("a loop in the table is refused")
    func loop() throws {
        let memory = try memory()
        memory.describe(0, memory.buffer(4096), 32, RingMemory.indirect)
        entry(memory, 4096, 0, memory.buffer(), 1, RingMemory.next, next: 1)
        entry(memory, 4096, 1, memory.buffer(), 1, RingMemory.next, next: 0)
        memory.offer(0)
        #expect(try taken(memory) == .chainTooLong(head: 0))
    }

    @Test("2.7.5.3.1: a chain longer than the queue is refused, one as long is not", arguments: [8, 9])
    func longerThanQueue(count: Int) throws {
        let memory = try memory(8)
        memory.describe(0, memory.buffer(4096), UInt32(16 * count), RingMemory.indirect)
        for index in 0..<count {
            entry(
                memory, 4096, index, memory.buffer(), 1, index == count - 1 ? 0 : RingMemory.next,
                next: UInt16(index + 1))
        }
        memory.offer(0)
        #expect(try taken(memory) == (count == 8 ? nil : .chainTooLong(head: 0)))
    }

    @Test("a table outside the driver's windows is refused")
    func tableOutside() throws {
        let memory = try memory()
        memory.describe(0, memory.guestEnd - 16, 32, RingMemory.indirect)
        memory.offer(0)
        #expect(try taken(memory) == .rangeOutsideWindows(address: memory.guestEnd - 16, byteCount: 32))
    }

    @Test("an entry is checked like any descriptor")
    func entryChecked() throws {
        let memory = try memory()
        memory.describe(0, memory.buffer(4096), 32, RingMemory.indirect)
        entry(memory, 4096, 0, memory.buffer(), 1, RingMemory.next | RingMemory.write, next: 1)
        entry(memory, 4096, 1, memory.buffer(), 1)
        memory.offer(0)
        #expect(try taken(memory) == .readableAfterWritable(head: 0))
    }

    @Test("segments of tables come back: many rounds need no more room")
    func manyRounds() throws {
        let memory = try memory(4)
        var device = try memory.device()
        for index in 0..<4 {
            memory.describe(index, memory.buffer(4096 + 64 * index), 48, RingMemory.indirect)
            for place in 0..<3 {
                entry(
                    memory, 4096 + 64 * index, place, memory.buffer(16 * index + place), 1,
                    place == 2 ? 0 : RingMemory.next, next: UInt16(place + 1))
            }
        }
        for round in 0..<5000 {
            memory.fill(16 * (round % 4), [1, 2, UInt8(round % 251)])
            memory.offer(UInt16(round % 4))
            let chain = try #require(try device.takeChain())
            let read = device.readAll(chain)
            #expect(read == [1, 2, UInt8(round % 251)])
            device.complete(chain, written: 0)
            _ = device.publishUsed()
        }
    }

    @Test("when no more segments can be kept, the next chain waits for one to be completed")
    func poolBound() throws {
        // 1024 chains of 128 entries would be 131072 segments; 65536 are kept.
        let memory = try memory(1024)
        var device = try memory.device()
        for place in 0..<128 {
            entry(
                memory, 4096, place, memory.buffer(), 1, place == 127 ? 0 : RingMemory.next,
                next: UInt16(place + 1))
        }
        for index in 0..<1024 {
            memory.describe(index, memory.buffer(4096), 2048, RingMemory.indirect)
            memory.offer(UInt16(index))
        }
        var chains: [DescriptorChain] = []
        while let chain = try device.takeChain() { chains.append(chain) }
        #expect(chains.count == 512)
        let waiting = try device.takeChain()
        #expect(waiting == nil)
        device.complete(chains[0], written: 0)
        let next = try device.takeChain()
        #expect(next?.head == 512)
    }
}
