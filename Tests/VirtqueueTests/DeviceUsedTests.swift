import SharedMemory
import Testing
import Virtio
import Virtqueue

/// The used ring and notifications, seen by a scripted driver.
@Suite struct DeviceUsedTests {
    /// A queue with `count` single writable descriptors taken.
    private func take(_ count: Int, _ memory: RingMemory, _ device: inout DeviceQueue) throws
        -> [DescriptorChain]
    {
        var chains: [DescriptorChain] = []
        for index in 0..<count {
            memory.describe(index, memory.buffer(16 * index), 16, RingMemory.write)
            memory.offer(UInt16(index))
            chains.append(try #require(try device.takeChain()))
        }
        return chains
    }

    @Test("completed chains are shown together, by one publish")
    func together() throws {
        let memory = try RingMemory()
        var device = try memory.device()
        let chains = try take(3, memory, &device)
        for chain in chains { device.answer(chain, [1]) }
        #expect(memory.shownUsedIndex == 0)
        _ = device.publishUsed()
        #expect(memory.shownUsedIndex == 3)
    }

    @Test("Q19 (2.7.8.2): the used length counts bytes written, never readable ones")
    func usedLength() throws {
        let memory = try RingMemory()
        var device = try memory.device()
        memory.describe(0, memory.buffer(), 100, RingMemory.next, next: 1)
        memory.describe(1, memory.buffer(200), 50, RingMemory.write)
        memory.offer(0)
        let chain = try #require(try device.takeChain())
        _ = device.readAll(chain)
        device.answer(chain, [1, 2, 3])
        _ = device.publishUsed()
        #expect(memory.usedElement(0) == (0, 3))
    }

    @Test("publishing nothing shows nothing and notifies nobody")
    func nothing() throws {
        let memory = try RingMemory()
        var device = try memory.device()
        let notify = device.publishUsed()
        #expect(!notify)
        #expect(memory.shownUsedIndex == 0)
    }

    @Test("2.7.7: NO_INTERRUPT is honoured", arguments: [(UInt16(0), true), (1, false)])
    func interruptFlag(flags: UInt16, expected: Bool) throws {
        let memory = try RingMemory()
        var device = try memory.device()
        memory.setAvailableFlags(flags)
        for chain in try take(2, memory, &device) { device.answer(chain, []) }
        let notify = device.publishUsed()
        #expect(notify == expected)
    }

    @Test(
        "2.7.7.2: with the event index, notified exactly when used_event is passed",
        arguments: [(UInt16(0), true), (1, true), (2, true), (3, false), (7, false), (.max, false)])
    func usedEvent(event: UInt16, expected: Bool) throws {
        let memory = try RingMemory(features: [.eventIndex])
        var device = try memory.device()
        memory.setUsedEvent(event)
        memory.setAvailableFlags(1)  // means nothing now
        for chain in try take(3, memory, &device) { device.answer(chain, []) }
        let notify = device.publishUsed()
        #expect(notify == expected)
    }

    @Test("each passing of used_event notifies once")
    func onceAPassing() throws {
        let memory = try RingMemory(features: [.eventIndex])
        var device = try memory.device()
        memory.setUsedEvent(1)
        var notified: [Bool] = []
        for chain in try take(4, memory, &device) {
            device.answer(chain, [])
            notified.append(device.publishUsed())
        }
        #expect(notified == [false, true, false, false])
    }

    @Test("the event index works across the wrap")
    func eventWrap() throws {
        let memory = try RingMemory(size: 4, features: [.eventIndex])
        var device = try memory.device()
        memory.describe(0, memory.buffer(), 4)
        memory.setUsedEvent(3)
        var notified: [Int] = []
        for round in 0..<65546 {
            memory.offer(0)
            let chain = try #require(try device.takeChain())
            device.complete(chain, written: 0)
            if device.publishUsed() { notified.append(round) }
        }
        #expect(notified == [3, 65539])
    }

    @Test("without the event index, notifications are switched by the used ring's flag")
    func noNotify() throws {
        let memory = try RingMemory()
        var device = try memory.device()
        device.disableNotifications()
        #expect(memory.usedFlags == 1)
        let more = device.enableNotifications()
        #expect(!more)
        #expect(memory.usedFlags == 0)
    }

    @Test("with the event index, the flag stays zero and avail_event says from where to notify")
    func availableEvent() throws {
        let memory = try RingMemory(features: [.eventIndex])
        var device = try memory.device()
        _ = try take(3, memory, &device)
        device.disableNotifications()
        #expect(memory.usedFlags == 0)
        #expect(memory.availableEvent == 0)
        let more = device.enableNotifications()
        #expect(!more)
        #expect(memory.availableEvent == 3)
    }

    @Test("what came between the last take and enabling is told", arguments: [FeatureSet(), .eventIndex])
    func raceIsTold(features: FeatureSet) throws {
        let memory = try RingMemory(features: features)
        var device = try memory.device()
        device.disableNotifications()
        memory.describe(0, memory.buffer(), 1)
        memory.offer(0)
        let more = device.enableNotifications()
        #expect(more)
        let empty = device.isEmpty
        #expect(!empty)
    }

    @Test("the driver's writes to the used ring are never believed")
    func usedRingNotBelieved() throws {
        let memory = try RingMemory()
        var device = try memory.device()
        let chains = try take(2, memory, &device)
        memory.setUsedIndex(4711)
        memory.setUsedFlags(0xFFFF)
        device.answer(chains[0], [1, 2])
        _ = device.publishUsed()
        #expect(memory.shownUsedIndex == 1)
        #expect(memory.usedElement(0) == (0, 2))
    }

    @Test("only what crosses the link is counted: used elements and the index")
    func counted() throws {
        let memory = try RingMemory()
        let crossing = CrossingCounters()
        let far = try AddressSpace([
            .init(base: RingMemory.guestBase, window: memory.guest.counted(by: crossing))
        ])
        var device = try memory.setup().activate(
            asDeviceWithRingsIn: memory.space, usedRingIn: far, buffersIn: far)
        memory.describe(0, memory.buffer(), 4, RingMemory.write)
        memory.offer(0)
        let chain = try #require(try device.takeChain())
        #expect(crossing[.writes] == 0)
        device.complete(chain, written: 0)
        _ = device.publishUsed()
        #expect(crossing[.writes] == 3)
        #expect(crossing[.writtenBytes] == 10)
        #expect(crossing[.reads] == 0)
    }
}
