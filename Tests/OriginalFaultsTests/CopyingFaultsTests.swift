import CopyFile
import Links
import LinuxSystem
import SharedMemory
import SystemPackage
import Testing
import VOPHost
import Virtio

@testable import HostTestSupport

/// What the original lost or misplaced between guest and backend (Q20, and its copying as mic-abi 3.3 has it).
@Suite("The original's faults: copying") struct CopyingFaultsTests {
    typealias Delivered = ScriptedRead.Delivered
    typealias Used = CopyQueueBench.Used

    /// A device behind copy files, driven by a scripted guest.
    private func served() throws -> (Bench, QueueOpening, ScriptedSlot, ScriptedQueue) {
        let bench = try Bench()
        try bench.guest.setConfigDoorbell(2)
        let device = CopyDevice(queueCount: 1)
        try bench.backend.publish(Bench.description(), name: "one", model: device)
        try bench.run()
        let (slot, queues) = try bench.drive()
        return (bench, device.queues[0].openCopy(), slot, queues[0])
    }

    @Test(
        "Q20: chains of more than 64 KiB at odd addresses arrive, and are answered, byte for byte",
        arguments: [4096, 65536, CopyLimits.callByteCount])
    func oddAddresses(readByteCount: Int) throws {
        let (bench, file, slot, queue) = try served()
        let byteCount = 1 << 19
        let base = try bench.guest.link.allocate(byteCount: byteCount, alignment: 4096).address
        let memory = try bench.guest.memory(base, byteCount)
        var expected = (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        memory.write(expected, at: 0)
        let parts = [1..<70_002, 131_075..<196_612]
        let rooms = [262_147..<328_150, 400_003..<400_006]
        for (index, part) in (parts + rooms).enumerated() {
            let flags: UInt16 = (index < 3 ? 1 : 0) | (index > 1 ? 2 : 0)
            try queue.descriptor(
                index, base + UInt64(part.lowerBound), UInt32(part.count), flags: flags,
                next: UInt16(index) + 1)
        }
        try queue.makeAvailable(head: 0)
        try slot.kick()
        try bench.run()

        var received: [UInt8] = []
        var isWhole = false
        while !isWhole {
            let record = try #require(try file.tryRead(readByteCount).delivered().first)
            try #require(record.token == 1 && Int(record.offset) == received.count)
            received += record.bytes
            isWhole = !record.flags.contains(.part)
        }
        #expect(received == parts.flatMap { expected[$0] })

        let answer = (0..<rooms.reduce(0) { $0 + $1.count }).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 5) }
        var sent = 0
        while answer.count - sent > 21_001 {
            #expect(
                file.send { $0.answer(1, part: Array(answer[sent..<sent + 21_001]), offset: UInt32(sent)) }
                    == nil)
            sent += 21_001
        }
        #expect(file.send { $0.complete(1, payload: Array(answer[sent...]), offset: UInt32(sent)) } == nil)
        #expect(try queue.usedIndex == 1)
        #expect(try queue.usedElement(0) == (0, UInt32(answer.count)))
        expected.replaceSubrange(rooms[0], with: answer.prefix(rooms[0].count))
        expected.replaceSubrange(rooms[1], with: answer.suffix(rooms[1].count))
        #expect(memory.bytes(at: 0, byteCount: byteCount) == expected)
    }

    @Test("3.3: a chain whose segments are all empty is delivered and completed like any other")
    func emptyChain() throws {
        let bench = try CopyQueueBench()
        let file = bench.queue.openCopy()
        try bench.put([[]], rooms: [0])
        try bench.put([[1]], rooms: [4])
        bench.show()
        #expect(
            try file.startRead().delivered() == [
                Delivered(token: 1, bytes: []), Delivered(token: 2, bytes: [1], room: 4),
            ])
        #expect(
            file.send {
                $0.complete(1)
                $0.complete(2, payload: [9])
            } == nil)
        #expect(try bench.used() == [Used(number: 1, bytes: []), Used(number: 2, bytes: [9])])
    }

    @Test(
        "3.3: a read with too little room takes no chain: the next gets it, new and whole",
        arguments: [0, 1, 511])
    func refusedRead(byteCount: Int) throws {
        let bench = try CopyQueueBench()
        let file = bench.queue.openCopy()
        try bench.offer([7], room: 4)
        #expect(file.startRead(byteCount).errno == .invalidArgument)
        #expect(bench.queue.heldCount == 0)
        #expect(try file.startRead().delivered() == [Delivered(token: 1, bytes: [7], room: 4)])
    }

    @Test("3.3: chains that were read whole and not answered are held, however many are read after them")
    func heldChains() throws {
        let bench = try CopyQueueBench()
        let file = bench.queue.openCopy()
        for number in 1...20 {
            try bench.offer([UInt8(number)], room: 1)
            #expect(try file.startRead().tokens() == [UInt64(number)])
        }
        #expect(bench.queue.heldCount == 20)
        #expect(try bench.used() == [])
        for number in (1...20).reversed() {
            #expect(file.send { $0.complete(UInt64(number), payload: [UInt8(number)]) } == nil)
        }
        let used = try bench.used()
        #expect(used == (1...20).reversed().map { Used(number: $0, bytes: [UInt8($0)]) })
    }

    @Test("3.3: a head outside the table does not stick: the device comes back, and its backend is told once")
    func badHead() throws {
        let (bench, file, slot, queue) = try served()
        let waiting = file.startRead()
        try queue.makeAvailable(head: 99)
        try slot.kick()
        try bench.run()
        #expect(try bench.state() == .needsReset)
        #expect(waiting.errno == .staleNFSFileHandle)
        #expect(file.tryRead().errno == .wouldBlock)
        try slot.letGo()
        try bench.pass(.seconds(2))
        let (nextSlot, queues) = try bench.drive()
        try queues[0].offer("better")
        try nextSlot.kick()
        try bench.run()
        #expect(try file.tryRead().delivered().map(\.bytes) == [Array("better".utf8)])
    }
}
