import SharedMemory
import TestSupport
import Testing
import Virtio
import Virtqueue

/// Each rule of VIRTIO 1.3, 2.7 that a driver can break, broken.
@Suite struct DeviceBreakTests {
    /// What the device says to one offered head.
    private func taken(_ memory: RingMemory) throws -> PeerViolation? {
        var device = try memory.device()
        return violation { _ = try device.takeChain() }
    }

    @Test("Q24 (2.7.6): a head outside the table is refused", arguments: [UInt16(8), 9, 255, .max])
    func headOutside(head: UInt16) throws {
        let memory = try RingMemory()
        memory.offer(head)
        #expect(try taken(memory) == .descriptorIndex(UInt32(head), queueSize: 8))
    }

    @Test("2.7.5: a next outside the table is refused", arguments: [UInt16(8), .max])
    func nextOutside(next: UInt16) throws {
        let memory = try RingMemory()
        memory.describe(0, memory.buffer(), 1, RingMemory.next, next: next)
        memory.offer(0)
        #expect(try taken(memory) == .descriptorIndex(UInt32(next), queueSize: 8))
    }

    @Test("2.7.5.1: a loop is refused", arguments: [0, 1, 2])
    func loop(back: UInt16) throws {
        let memory = try RingMemory()
        for index in 0..<3 {
            memory.describe(index, memory.buffer(), 1, RingMemory.next, next: UInt16(index + 1))
        }
        memory.describe(2, memory.buffer(), 1, RingMemory.next, next: back)
        memory.offer(0)
        #expect(try taken(memory) == .chainTooLong(head: 0))
    }

    @Test("a head made available again while it is in flight is refused")
    func headTwice() throws {
        let memory = try RingMemory()
        var device = try memory.device()
        memory.describe(3, memory.buffer(), 1)
        memory.offer(3)
        memory.offer(3)
        let first = try device.takeChain()
        #expect(first?.head == 3)
        #expect(violation { _ = try device.takeChain() } == .descriptorInUse(3))
    }

    @Test("a descriptor shared by two chains in flight is refused")
    func shared() throws {
        let memory = try RingMemory()
        var device = try memory.device()
        memory.describe(0, memory.buffer(), 1, RingMemory.next, next: 5)
        memory.describe(1, memory.buffer(), 1, RingMemory.next, next: 5)
        memory.describe(5, memory.buffer(), 1)
        memory.offer(0)
        memory.offer(1)
        let first = try device.takeChain()
        #expect(first?.descriptorCount == 2)
        #expect(violation { _ = try device.takeChain() } == .descriptorInUse(5))
    }

    @Test("Q22 (2.7.4.2): readable after writable is refused")
    func readableAfterWritable() throws {
        let memory = try RingMemory()
        memory.describe(4, memory.buffer(), 1, RingMemory.write | RingMemory.next, next: 1)
        memory.describe(1, memory.buffer(), 1)
        memory.offer(4)
        #expect(try taken(memory) == .readableAfterWritable(head: 4))
    }

    @Test("readable after writable is refused even when neither has bytes")
    func emptyReadableAfterEmptyWritable() throws {
        let memory = try RingMemory()
        memory.describe(0, 0, 0, RingMemory.write | RingMemory.next, next: 1)
        memory.describe(1, 0, 0)
        memory.offer(0)
        #expect(try taken(memory) == .readableAfterWritable(head: 0))
    }

    @Test(
        "2.7.13: an index that moves further than the ring is long is refused",
        arguments: [UInt16(9), 10, 32768, .max])
    func indexJump(index: UInt16) throws {
        let memory = try RingMemory()
        memory.setAvailableIndex(index)
        #expect(try taken(memory) == .indexJumped(from: 0, to: index, queueSize: 8))
    }

    @Test("an index that moves back is refused")
    func indexBack() throws {
        let memory = try RingMemory()
        var device = try memory.device()
        memory.describe(0, memory.buffer(), 1)
        memory.describe(1, memory.buffer(), 1)
        memory.offer(0)
        memory.offer(1)
        _ = try device.takeChain()
        _ = try device.takeChain()
        memory.setAvailableIndex(1)
        #expect(violation { _ = try device.takeChain() } == .indexJumped(from: 2, to: 1, queueSize: 8))
    }

    @Test("Q4: an address outside the driver's windows is refused")
    func wildAddresses() throws {
        let memory = try RingMemory()
        let guest = RingMemory.guestBase
        let wild: [(UInt64, UInt32)] = [
            (0, 1), (1, 1), (guest - 1, 1), (guest - 1, 2), (memory.guestEnd, 1), (memory.guestEnd - 1, 2),
            (guest, .max), (0x8000_0000_0000_0000, 16), (RingMemory.hostBase, 16), (.max - 16, 16),
        ]
        for (address, count) in wild {
            let memory = try RingMemory()
            memory.describe(0, address, count)
            memory.offer(0)
            #expect(
                try taken(memory) == .rangeOutsideWindows(address: address, byteCount: UInt64(count)),
                "\(address) \(count)")
        }
    }

    @Test("the last byte of a window is inside it")
    func lastByte() throws {
        let memory = try RingMemory()
        memory.describe(0, memory.guestEnd - 1, 1)
        memory.offer(0)
        #expect(try taken(memory) == nil)
    }

    @Test(
        "address and length that wrap 64 bits are refused",
        arguments: [(UInt64.max, UInt32(1)), (.max - 5, 100), (.max - 0xFFFF, .max)])
    func wraps(address: UInt64, count: UInt32) throws {
        let memory = try RingMemory()
        memory.describe(0, address, count)
        memory.offer(0)
        #expect(try taken(memory) == .rangeWraps(address: address, byteCount: UInt64(count)))
    }

    @Test("2.7.5: a part longer than 32 bits count is refused", arguments: [UInt16(0), RingMemory.write])
    func tooLarge(flags: UInt16) throws {
        // One window of 4 GiB of address space cannot be had here, so the sum overflows before the range is looked
        // for: lengths are added first.
        let memory = try RingMemory()
        memory.describe(0, memory.buffer(), 16, flags | RingMemory.next, next: 1)
        memory.describe(1, memory.buffer(), .max, flags)
        memory.offer(0)
        #expect(try taken(memory) == .chainTooLarge(head: 0))
    }

    @Test("once broken, a queue says so each time, whatever the driver mends")
    func staysBroken() throws {
        let memory = try RingMemory()
        var device = try memory.device()
        memory.offer(77)
        let broken = PeerViolation.descriptorIndex(77, queueSize: 8)
        #expect(violation { _ = try device.takeChain() } == broken)
        memory.describe(0, memory.buffer(), 1)
        memory.host.store16(0, at: 128 + 4)
        #expect(violation { _ = try device.takeChain() } == broken)
        #expect(device.violation == broken)
    }

    @Test("chains taken before the queue broke can still be completed")
    func completeAfterBreak() throws {
        let memory = try RingMemory()
        var device = try memory.device()
        memory.describe(0, memory.buffer(), 4, RingMemory.write)
        memory.offer(0)
        memory.offer(9)
        let chain = try #require(try device.takeChain())
        #expect(violation { _ = try device.takeChain() } != nil)
        device.answer(chain, [5])
        _ = device.publishUsed()
        #expect(memory.bytes(0, 1) == [5])
        #expect(memory.shownUsedIndex == 1)
    }

    @Test("Q4, Q21: indirect where it was not negotiated is refused")
    func indirectNotNegotiated() throws {
        let memory = try RingMemory()
        memory.describe(0, memory.buffer(), 16, RingMemory.indirect)
        memory.offer(0)
        #expect(try taken(memory) == .indirect(head: 0))
    }

    @Test("random rings never trap and never reach outside the driver's windows", arguments: 0..<40)
    func randomRings(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let memory = try RingMemory(size: 16, features: seed % 2 == 0 ? [.indirectDescriptors] : [])
        for _ in 0..<50 {
            var device = try memory.device()
            var index: UInt16 = 0
            for round in 0..<40 {
                scribble(memory, &random)
                index &+= UInt16.random(in: 0...(round % 8 == 0 ? 17 : 2), using: &random)
                memory.setAvailableIndex(index)
                do {
                    while let chain = try device.takeChain() {
                        scribble(memory, &random)
                        let read = device.readAll(chain)
                        #expect(read.count == Int(chain.readableByteCount))
                        if Bool.random(using: &random) { device.answer(chain, read) }
                    }
                } catch { break }
                _ = device.publishUsed()
            }
        }
    }

    private func scribble(_ memory: RingMemory, _ random: inout SeededGenerator) {
        for index in 0..<16 {
            let inside = memory.buffer(Int.random(in: 0..<60000, using: &random))
            let address = Int.random(in: 0..<30, using: &random) == 0 ? random.next() : inside
            memory.describe(
                index, address, UInt32.random(in: 0...64, using: &random),
                UInt16.random(in: 0...5, using: &random),
                next: UInt16.random(in: 0...16, using: &random))
            memory.host.store16(UInt16.random(in: 0...16, using: &random), at: 256 + 4 + 2 * index)
        }
    }
}
