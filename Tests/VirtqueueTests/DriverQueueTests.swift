import SharedMemory
import Testing
import Virtio
import Virtqueue

/// What the driver role writes, and what it makes of a well-behaved device.
@Suite struct DriverQueueTests {
    @Test("a chain: descriptors linked by NEXT, readable before writable, its head in the available ring")
    func chain() throws {
        let memory = try RingMemory()
        var driver = try memory.driver()
        let readable = [try memory.range(0, 5), try memory.range(100, 3)]
        let writable = [try memory.range(200, 7)]
        let done = driver.submit(readable: readable.span, writable: writable.span, token: 1)
        #expect(done)
        #expect(memory.shownAvailableIndex == 0)
        let notify = driver.publishAvailable()
        #expect(notify)
        #expect(memory.shownAvailableIndex == 1)
        let head = memory.availableHead(0)
        let first = memory.descriptor(head)
        #expect(first.address == memory.buffer(0))
        #expect(first.count == 5)
        #expect(first.flags == 1)
        let second = memory.descriptor(first.next)
        #expect(second.address == memory.buffer(100))
        #expect(second.flags == 1)
        let third = memory.descriptor(second.next)
        #expect(third.address == memory.buffer(200))
        #expect(third.count == 7)
        #expect(third.flags == 2)
        #expect(Set([head, first.next, second.next]).count == 3)
    }

    @Test("a used chain comes back with its token and what was written; its descriptors are free again")
    func comesBack() throws {
        let memory = try RingMemory()
        var driver = try memory.driver()
        let readable = [try memory.range(0, 5)]
        let writable = [try memory.range(200, 7)]
        _ = driver.submit(readable: readable.span, writable: writable.span, token: 0xABCD)
        _ = driver.publishAvailable()
        #expect(driver.freeCount == 6)
        #expect(driver.inFlightCount == 1)
        let nothing = try driver.takeUsed()
        #expect(nothing == nil)
        memory.giveBack(UInt32(memory.availableHead(0)), written: 6)
        let used = try driver.takeUsed()
        #expect(used?.token == 0xABCD)
        #expect(used?.written == 6)
        #expect(driver.freeCount == 8)
        #expect(driver.inFlightCount == 0)
    }

    @Test("a device may complete in any order")
    func anyOrder() throws {
        let memory = try RingMemory()
        var driver = try memory.driver()
        for token in 0..<8 {
            driver.begin(token: UInt64(token))
            let appended = driver.appendWritable(try memory.range(16 * token, 8))
            #expect(appended)
            driver.commit()
        }
        _ = driver.publishAvailable()
        for position in [5, 1, 7, 0, 2, 6, 3, 4] {
            memory.giveBack(UInt32(memory.availableHead(position)), written: UInt32(position))
        }
        var tokens: [UInt64] = []
        while let used = try driver.takeUsed() {
            #expect(UInt64(used.written) == used.token)
            tokens.append(used.token)
        }
        #expect(tokens == [5, 1, 7, 0, 2, 6, 3, 4])
    }

    @Test("a full queue is a value, and leaves nothing half done")
    func full() throws {
        let memory = try RingMemory(size: 4)
        var driver = try memory.driver()
        let three = [try memory.range(0, 1), try memory.range(1, 1), try memory.range(2, 1)]
        let first = driver.submit(readable: three.span, writable: [PeerRange]().span, token: 1)
        let second = driver.submit(readable: three.span, writable: [PeerRange]().span, token: 2)
        #expect(first)
        #expect(!second)
        #expect(driver.freeCount == 1)
        driver.begin(token: 3)
        let fits = driver.appendReadable(three[0])
        let tooMuch = driver.appendReadable(three[1])
        #expect(fits)
        #expect(!tooMuch)
        driver.abandon()
        #expect(driver.freeCount == 1)
        _ = driver.publishAvailable()
        #expect(memory.shownAvailableIndex == 1)
    }

    @Test("an abandoned chain gives back exactly what it took, even if others came back meanwhile")
    func abandon() throws {
        let memory = try RingMemory(size: 8)
        var driver = try memory.driver()
        let two = [try memory.range(0, 1), try memory.range(1, 1)]
        _ = driver.submit(readable: two.span, writable: [PeerRange]().span, token: 1)
        _ = driver.publishAvailable()
        driver.begin(token: 2)
        _ = driver.appendReadable(two[0])
        memory.giveBack(UInt32(memory.availableHead(0)), written: 0)
        _ = try driver.takeUsed()
        _ = driver.appendReadable(two[1])
        driver.abandon()
        #expect(driver.freeCount == 8)
        var seen: Set<UInt16> = []
        for token in 0..<8 {
            driver.begin(token: UInt64(token))
            let appended = driver.appendReadable(two[0])
            #expect(appended)
            driver.commit()
            seen.insert(memory.availableHead((token + 1) % 8))
        }
        #expect(seen.count == 8)
    }

    @Test("a chain may stay in flight however many later ones come and go")
    func stays() throws {
        let memory = try RingMemory(size: 8)
        var driver = try memory.driver()
        let one = [try memory.range(0, 1)]
        _ = driver.submit(readable: one.span, writable: [PeerRange]().span, token: 1)
        _ = driver.publishAvailable()
        let waiting = UInt32(memory.availableHead(0))
        for count in 1...100_000 {
            _ = driver.submit(readable: one.span, writable: [PeerRange]().span, token: 2)
            _ = driver.publishAvailable()
            memory.giveBack(UInt32(memory.availableHead(count % 8)), written: 0)
            let other = try driver.takeUsed()?.token
            try #require(other == 2)
        }
        memory.giveBack(waiting, written: 0)
        let token = try driver.takeUsed()?.token
        #expect(token == 1)
    }

    @Test("a chain put together while others come back is linked right")
    func interleaved() throws {
        let memory = try RingMemory(size: 8)
        var driver = try memory.driver()
        let one = [try memory.range(0, 1)]
        _ = driver.submit(readable: one.span, writable: [PeerRange]().span, token: 1)
        _ = driver.publishAvailable()
        driver.begin(token: 2)
        _ = driver.appendReadable(one[0])
        memory.giveBack(UInt32(memory.availableHead(0)), written: 0)
        _ = try driver.takeUsed()
        _ = driver.appendReadable(one[0])
        driver.commit()
        _ = driver.publishAvailable()
        let head = memory.availableHead(1)
        let second = memory.descriptor(head).next
        #expect(second != head)
        memory.giveBack(UInt32(head), written: 0)
        let used = try driver.takeUsed()
        #expect(used?.token == 2)
        #expect(driver.freeCount == 8)
    }

    @Test("2.7.10: NO_NOTIFY is honoured", arguments: [(UInt16(0), true), (1, false)])
    func notifyFlag(flags: UInt16, expected: Bool) throws {
        let memory = try RingMemory()
        var driver = try memory.driver()
        memory.setUsedFlags(flags)
        let one = [try memory.range(0, 1)]
        _ = driver.submit(readable: one.span, writable: [PeerRange]().span, token: 1)
        let notify = driver.publishAvailable()
        #expect(notify == expected)
        let again = driver.publishAvailable()
        #expect(!again)
    }

    @Test(
        "2.7.10.1: with the event index, notified exactly when avail_event is passed",
        arguments: [(UInt16(0), true), (2, true), (3, false), (.max, false)])
    func availableEvent(event: UInt16, expected: Bool) throws {
        let memory = try RingMemory(features: [.eventIndex])
        var driver = try memory.driver()
        memory.setAvailableEvent(event)
        memory.setUsedFlags(1)  // means nothing now
        let one = [try memory.range(0, 1)]
        for token in 0..<3 {
            _ = driver.submit(readable: one.span, writable: [PeerRange]().span, token: UInt64(token))
        }
        let notify = driver.publishAvailable()
        #expect(notify == expected)
    }

    @Test("the driver's own wish for notifications, without and with the event index")
    func ownWish() throws {
        let plain = try RingMemory()
        var driver = try plain.driver()
        driver.disableNotifications()
        #expect(plain.availableFlags == 1)
        let more = driver.enableNotifications()
        #expect(!more)
        #expect(plain.availableFlags == 0)

        let events = try RingMemory(features: [.eventIndex])
        var second = try events.driver()
        let one = [try events.range(0, 1)]
        _ = second.submit(readable: one.span, writable: [PeerRange]().span, token: 1)
        _ = second.publishAvailable()
        events.giveBack(UInt32(events.availableHead(0)), written: 0)
        _ = try second.takeUsed()
        second.disableNotifications()
        #expect(events.availableFlags == 0)
        let none = second.enableNotifications()
        #expect(!none)
        #expect(events.usedEvent == 1)
    }

    @Test(
        "what came back between the last take and enabling is told", arguments: [FeatureSet(), .eventIndex])
    func raceIsTold(features: FeatureSet) throws {
        let memory = try RingMemory(features: features)
        var driver = try memory.driver()
        let one = [try memory.range(0, 1)]
        _ = driver.submit(readable: one.span, writable: [PeerRange]().span, token: 1)
        _ = driver.publishAvailable()
        driver.disableNotifications()
        memory.giveBack(UInt32(memory.availableHead(0)), written: 0)
        let more = driver.enableNotifications()
        #expect(more)
    }

    @Test("indices wrap at 65536", arguments: [1, 4, 32768])
    func wrap(size: Int) throws {
        let memory = try RingMemory(size: size)
        var driver = try memory.driver()
        let one = [try memory.range(0, 1)]
        let none: [PeerRange] = []
        for round in 0..<70000 {
            let done = driver.submit(readable: one.span, writable: none.span, token: UInt64(round))
            _ = driver.publishAvailable()
            memory.giveBack(UInt32(memory.availableHead(round % size)), written: 0)
            guard done, try driver.takeUsed()?.token == UInt64(round) else {
                Issue.record("round \(round)")
                return
            }
        }
        #expect(memory.shownAvailableIndex == UInt16(70000 - 65536))
    }

    @Test("the whole ring in flight at once, all sizes", arguments: [1, 2, 256, 32768])
    func wholeRing(size: Int) throws {
        let memory = try RingMemory(size: size)
        var driver = try memory.driver()
        let one = [try memory.range(0, 1)]
        let none: [PeerRange] = []
        for round in 0..<3 {
            for token in 0..<size {
                let done = driver.submit(readable: one.span, writable: none.span, token: UInt64(token))
                if !done { Issue.record("full at \(token)") }
            }
            _ = driver.publishAvailable()
            for position in 0..<size {
                memory.giveBack(UInt32(memory.availableHead((round * size + position) % size)), written: 0)
            }
            var count = 0
            while let used = try driver.takeUsed() {
                if used.token != UInt64(count) { Issue.record("order at \(count)") }
                count += 1
            }
            #expect(count == size)
        }
    }

    @Test("on the hot path nothing is read across the link")
    func neverReadsAcross() throws {
        let memory = try RingMemory()
        let crossing = CrossingCounters()
        let far = try AddressSpace([
            .init(base: RingMemory.hostBase, window: memory.host.counted(by: crossing))
        ])
        var driver = try memory.setup().activate(asDriverWithRingsIn: far, usedRingIn: memory.space)
        let before = crossing[.writes]
        let one = [try memory.range(0, 1)]
        for token in 0..<20 {
            _ = driver.submit(readable: one.span, writable: one.span, token: UInt64(token))
            _ = driver.publishAvailable()
            memory.giveBack(UInt32(memory.availableHead(Int(token) % 8)), written: 0)
            _ = try driver.takeUsed()
            driver.disableNotifications()
            _ = driver.enableNotifications()
        }
        #expect(crossing[.reads] == 0)
        // Two descriptors of two words, a head, an index, two flags: nothing is written twice.
        #expect(crossing[.writes] - before == 20 * 8)
    }
}
