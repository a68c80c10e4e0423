import SharedMemory
import TestSupport
import Testing
import Virtio
import Virtqueue

/// Each way a device can break the rules, seen by the driver role.
@Suite struct DriverBreakTests {
    /// A driver with two chains of room 7 and 9 in flight, published.
    private func inFlight(_ memory: RingMemory) throws -> DriverQueue {
        var driver = try memory.driver()
        for (token, room) in [(UInt64(0), 7), (1, 9)] {
            driver.begin(token: token)
            _ = driver.appendReadable(try memory.range(0, 3))
            _ = driver.appendWritable(try memory.range(100, room))
            driver.commit()
        }
        _ = driver.publishAvailable()
        return driver
    }

    private func broken(_ script: (RingMemory) -> Void) throws -> PeerViolation? {
        let memory = try RingMemory()
        var driver = try inFlight(memory)
        script(memory)
        return violation { while try driver.takeUsed() != nil {} }
    }

    @Test("2.7.8: an id outside the table is refused", arguments: [UInt32(8), 0x10000, .max])
    func idOutside(id: UInt32) throws {
        #expect(try broken { $0.giveBack(id, written: 0) } == .usedElementID(id))
    }

    @Test("an id that was never submitted is refused")
    func idNeverSubmitted() throws {
        #expect(try broken { $0.giveBack(7, written: 0) } == .usedElementID(7))
    }

    @Test("an id from the middle of a chain is refused")
    func idInside() throws {
        #expect(
            try broken { memory in
                let inside = memory.descriptor(memory.availableHead(0)).next
                memory.giveBack(UInt32(inside), written: 0)
            } == .usedElementID(1))
    }

    @Test("a chain given back twice is refused")
    func twice() throws {
        #expect(
            try broken { memory in
                memory.giveBack(0, written: 0)
                memory.giveBack(0, written: 0)
            } == .usedElementID(0))
    }

    @Test("2.7.8.2: more written than there was room for is refused", arguments: [UInt32(8), 10, .max])
    func tooLong(written: UInt32) throws {
        #expect(
            try broken { $0.giveBack(UInt32($0.availableHead(0)), written: written) }
                == .usedLength(written, capacity: 7))
    }

    @Test("more used than was published is refused", arguments: [UInt16(3), 8, 9, .max])
    func jump(index: UInt16) throws {
        #expect(
            try broken { $0.setUsedIndex(index) } == .indexJumped(from: 0, to: index, queueSize: 8))
    }

    @Test("an index that moves back is refused")
    func back() throws {
        let memory = try RingMemory()
        var driver = try inFlight(memory)
        memory.giveBack(0, written: 0)
        _ = try driver.takeUsed()
        memory.setUsedIndex(0)
        #expect(violation { _ = try driver.takeUsed() } == .indexJumped(from: 1, to: 0, queueSize: 8))
    }

    @Test("a chain that was committed and not published cannot come back")
    func unpublished() throws {
        let memory = try RingMemory()
        var driver = try inFlight(memory)
        driver.begin(token: 9)
        _ = driver.appendReadable(try memory.range(0, 1))
        driver.commit()
        let head = UInt32(memory.availableHead(2))
        memory.giveBack(head, written: 0)
        #expect(violation { _ = try driver.takeUsed() } == .usedElementID(head))
    }

    @Test("once broken, a queue says so each time")
    func staysBroken() throws {
        let memory = try RingMemory()
        var driver = try inFlight(memory)
        memory.setUsedIndex(50)
        let jump = PeerViolation.indexJumped(from: 0, to: 50, queueSize: 8)
        #expect(violation { _ = try driver.takeUsed() } == jump)
        memory.setUsedIndex(0)
        #expect(violation { _ = try driver.takeUsed() } == jump)
        #expect(driver.violation == jump)
    }

    @Test("what a device writes over table and available ring changes nothing")
    func scribbledTable() throws {
        let memory = try RingMemory()
        var driver = try inFlight(memory)
        let head = UInt32(memory.availableHead(0))
        memory.host.zero(at: 0, byteCount: memory.host.byteCount)
        for index in 0..<8 { memory.describe(index, .max, .max, 7, next: UInt16(index)) }
        memory.giveBack(head, written: 7)
        let used = try driver.takeUsed()
        #expect(used?.written == 7)
        #expect(driver.freeCount == 6)
    }

    @Test("random used rings never trap", arguments: 0..<30)
    func randomUsedRings(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<100 {
            let memory = try RingMemory(size: 8, features: seed % 2 == 0 ? [.eventIndex] : [])
            var driver = try memory.driver()
            for token in 0..<40 {
                let ranges = [try memory.range(Int.random(in: 0..<1000, using: &random), 8)]
                _ = driver.submit(readable: ranges.span, writable: ranges.span, token: UInt64(token))
                _ = driver.publishAvailable()
                memory.giveBack(
                    UInt32.random(in: 0...9, using: &random),
                    written: UInt32.random(in: 0...9, using: &random))
                do { while try driver.takeUsed() != nil {} } catch { break }
            }
        }
    }
}
