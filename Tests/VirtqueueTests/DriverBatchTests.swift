import SharedMemory
import Testing
import Virtio
import Virtqueue

/// Many chains in one call, held against the same done one by one.
@Suite struct DriverBatchTests {
    private func ranges(_ memory: RingMemory) throws -> [PeerRange] {
        try (0..<16).map { try memory.range(64 * $0, 1 + $0) }
    }

    @Test("many chains lie in the rings as the same chains one by one do", arguments: [false, true])
    func sameAsOneByOne(isWritable: Bool) throws {
        let (memory, other) = (try RingMemory(), try RingMemory())
        let (ranges, otherRanges) = (try ranges(memory), try ranges(other))
        var many = try memory.driver()
        var single = try other.driver()
        for _ in 0..<5 {
            let chain = { (index: Int) in (ranges[index], UInt64(index)) }
            let count =
                isWritable
                ? many.submitWritable(count: 3, chain) : many.submitReadable(count: 3, chain)
            #expect(count == 3)
            for index in 0..<3 {
                single.begin(token: UInt64(index))
                _ =
                    isWritable
                    ? single.appendWritable(otherRanges[index]) : single.appendReadable(otherRanges[index])
                single.commit()
            }
            let notifies = [many.publishAvailable(), single.publishAvailable()]
            #expect(notifies == [true, true])
            for place in 0..<3 {
                let position = Int(memory.shownAvailableIndex) - 3 + place
                let head = memory.availableHead(position % 8)
                #expect(head == other.availableHead(position % 8))
                #expect(memory.descriptor(head) == other.descriptor(head))
                // The last first, so that the free lists are no longer in order.
                let back = UInt32(memory.availableHead((Int(memory.shownAvailableIndex) - 1 - place) % 8))
                memory.giveBack(back, written: 0)
                other.giveBack(back, written: 0)
            }
            var tokens: [UInt64] = []
            let taken = try many.takeAllUsed { tokens.append($0.token) }
            #expect(taken == 3 && tokens == [2, 1, 0])
            var others: [UInt64] = []
            while let completion = try single.takeUsed() { others.append(completion.token) }
            #expect(others == tokens)
            let free = [many.freeCount, single.freeCount]
            #expect(free == [8, 8])
        }
        #expect(memory.host.bytes(at: 0, byteCount: 128) == other.host.bytes(at: 0, byteCount: 128))
    }

    @Test("as many chains are submitted as there are free descriptors, and one begun before is forgotten")
    func outOfDescriptors() throws {
        let memory = try RingMemory()
        let range = try memory.range(0, 1)
        var driver = try memory.driver()
        driver.begin(token: 99)
        _ = driver.appendReadable(range)
        let first = driver.submitReadable(count: 5) { (range, UInt64($0)) }
        let second = driver.submitReadable(count: 5) { (range, UInt64(5 + $0)) }
        let third = driver.submitReadable(count: 5) { (range, UInt64($0)) }
        #expect([first, second, third] == [5, 3, 0])
        let state = [driver.freeCount, driver.inFlightCount]
        #expect(state == [0, 8])
    }

    @Test("an error of who names the chains leaves those before it submitted")
    func thrownByCaller() throws {
        let memory = try RingMemory()
        let range = try memory.range(0, 1)
        var driver = try memory.driver()
        let thrown = violation {
            _ = try driver.submitReadable(count: 5) { index throws(PeerViolation) in
                if index == 2 { throw .doorbell(1) }
                return (range, 0)
            }
        }
        #expect(thrown == .doorbell(1))
        let state = [driver.freeCount, driver.inFlightCount]
        #expect(state == [6, 2])
    }

    @Test("a room that was given is the most a device may say it wrote")
    func room() throws {
        for (claimed, expected) in [(UInt32(9), nil), (10, PeerViolation.usedLength(10, capacity: 9))] {
            let memory = try RingMemory()
            let range = try memory.range(0, 9)
            var driver = try memory.driver()
            _ = driver.submitWritable(count: 1) { _ in (range, 0) }
            _ = driver.publishAvailable()
            memory.giveBack(UInt32(memory.availableHead(0)), written: claimed)
            var written: [UInt32] = []
            let broken = violation { _ = try driver.takeAllUsed { written.append($0.written) } }
            #expect(broken == expected)
            #expect(written == (expected == nil ? [9] : []))
        }
    }

    @Test("chains before a broken element are given, and then the device stays broken")
    func brokenInTheMiddle() throws {
        let memory = try RingMemory()
        let range = try memory.range(0, 1)
        var driver = try memory.driver()
        _ = driver.submitReadable(count: 4) { (range, UInt64($0)) }
        _ = driver.publishAvailable()
        for place in [0, 1, 1, 2] { memory.giveBack(UInt32(memory.availableHead(place)), written: 0) }
        var tokens: [UInt64] = []
        let broken = violation { _ = try driver.takeAllUsed { tokens.append($0.token) } }
        let twice = PeerViolation.usedElementID(UInt32(memory.availableHead(1)))
        #expect(broken == twice && tokens == [0, 1])
        let again = [
            violation { _ = try driver.takeUsed() }, violation { _ = try driver.takeAllUsed { _ in } },
        ]
        #expect(again == [twice, twice])
        let free = driver.freeCount
        #expect(free == 6)
    }

    @Test("what crosses the link is counted the same for many as one by one")
    func counted() throws {
        let memory = try RingMemory()
        let crossing = CrossingCounters()
        let far = try AddressSpace([
            .init(base: RingMemory.hostBase, window: memory.host.counted(by: crossing))
        ])
        let range = try memory.range(0, 1)
        var driver = try memory.setup().activate(asDriverWithRingsIn: far, usedRingIn: memory.space)
        let (writes, bytes) = (crossing[.writes], crossing[.writtenBytes])
        _ = driver.submitReadable(count: 6) { (range, UInt64($0)) }
        _ = driver.publishAvailable()
        #expect(crossing[.writes] - writes == 6 * 3 + 1)
        #expect(crossing[.writtenBytes] - bytes == 6 * 18 + 2)
        #expect(crossing[.reads] == 0)
    }
}
