import CopyFile
import LinuxSystem
import SharedMemory
import Testing
import Virtio

@testable import HostTestSupport
@testable import VOPHost

/// The host, or its guest, is killed in the middle of traffic and comes back: nothing is lost, nothing is done twice.
@Suite struct ResumeTests {
    typealias Delivered = ScriptedRead.Delivered

    /// A backend holds the one request there is, which has token 1 and head 0.
    private func withRequestTaken() throws -> (bench: ResumeBench, read: ReadLoop) {
        let bench = try ResumeBench.driven()
        try bench.offer("request", head: 0)
        let read = ReadLoop(bench.queue.openCopy())
        try bench.run { try read.tokens() == [1] }
        return (bench, read)
    }

    @Test(
        "a killed host goes on: no reset, chains in flight come again in order, with token and flag, then new ones"
    )
    func hostGoesOn() throws {
        let bench = try ResumeBench.driven()
        let backend = bench.queue.openCopy()
        for head: UInt16 in [0, 2, 4] { try bench.offer("request \(head)", head: head) }
        let read = ReadLoop(backend)
        try bench.run { try read.tokens() == [1, 2, 3] }
        #expect(backend.send { $0.complete(2, payload: [0x32]) } == nil)
        try bench.run { try bench.driver.usedIndex == 1 }

        // One more while nobody is there to hear the bell.
        try bench.killHost { try bench.offer("request 6", head: 6) }
        try bench.run { bench.kinds.contains(.linkResumed) && bench.queue.chains.ready.count == 2 }
        #expect(try bench.state == .running)
        #expect(!bench.kinds.contains(.reset) && !bench.kinds.contains(.published))
        #expect(try bench.slot.status == 15 && bench.slot.liveType == 9)
        let again = bench.queue.openCopy().startRead()
        #expect(
            try again.delivered() == [
                Delivered(token: 1, bytes: Array("request 0".utf8), flags: .redelivered, room: 64),
                Delivered(token: 3, bytes: Array("request 4".utf8), flags: .redelivered, room: 64),
                Delivered(token: 4, bytes: Array("request 6".utf8), room: 64),
            ])
        // It was told, since a bell of before may be lost.
        try bench.run { bench.guest.takeRung().contains(3) }
    }

    @Test(
        "what is given back after a kill reaches the driver, and the ring goes round many times, kill after kill"
    )
    func manyKills() throws {
        let bench = try ResumeBench.driven()
        var completed: UInt16 = 0
        for turn in 0..<30 {
            for head: UInt16 in [0, 2, 4] { try bench.offer("turn \(turn) head \(head)", head: head) }
            var opening = bench.queue.openCopy()
            var read = ReadLoop(opening)
            try bench.run { try read.tokens().count == 3 }
            let first = try read.tokens()[0]
            #expect(opening.send { $0.complete(first, payload: [UInt8(turn)]) } == nil)
            if turn % 2 == 0 {
                try bench.killHost()
                opening = bench.queue.openCopy()
                read = ReadLoop(opening)
                try bench.run { try read.tokens() == [first + 1, first + 2] }
            }
            for token in [first + 1, first + 2] {
                #expect(opening.send { $0.complete(token, payload: [UInt8(turn)]) } == nil)
            }
            completed &+= 3
            #expect(try bench.driver.usedIndex == completed)
            #expect(try bench.driver.answer(1, head: 4) == String(decoding: [UInt8(turn)], as: UTF8.self))
            opening.close()
        }
        #expect(bench.queue.nextToken == 91)
    }

    enum Moment: String, CaseIterable, Sendable { case beforeUsedIndex, afterUsedIndex }

    @Test("a kill between used element and record is decided by the used index", arguments: Moment.allCases)
    func twoPhases(moment: Moment) throws {
        let bench = try ResumeBench.driven()
        let opening = bench.queue.openCopy()
        for head: UInt16 in [0, 2, 4] { try bench.offer("request", head: head) }
        let read = ReadLoop(opening)
        try bench.run { try read.tokens() == [1, 2, 3] }
        #expect(opening.send { $0.complete(3) } == nil)
        // What a kill leaves between the stores: two chains marked, their used index stored or not.
        let record = try InFlightRecord(at: bench.directory + "/queue")
        record.beginGivingBack(0)
        record.beginGivingBack(2)
        if moment == .afterUsedIndex {
            try bench.guest.memory(bench.driver.used, 4).store16(3, at: 2)
        }
        try bench.killHost()
        try bench.run { bench.kinds.contains(.running) }
        let next = ReadLoop(bench.queue.openCopy())
        try bench.offer("new", head: 6)
        let expected: [UInt64] = moment == .beforeUsedIndex ? [1, 2, 4] : [4]
        try bench.run { try next.tokens() == expected }
        #expect(next.opening.send { $0.complete(4) } == nil)
        #expect(try bench.driver.usedIndex == (moment == .beforeUsedIndex ? 2 : 4))
    }

    @Test("a chain that was taken and not counted yet is taken again, with the same token")
    func takeIsTwoStores() throws {
        let bench = try ResumeBench.driven()
        let record = try InFlightRecord(at: bench.directory + "/queue")
        let window = try MemoryWindow(MappedRecord(at: bench.directory + "/queue", byteCount: 4096))
        window.store64(record.nextToken, at: 64)
        #expect(record.chains(size: 8).isEmpty)
        try bench.killHost { try bench.offer("request", head: 0) }
        let next = ReadLoop(bench.queue.openCopy())
        try bench.run { try next.tokens() == [1] }
        #expect(try next.delivered().allSatisfy { $0.flags.isEmpty })
    }

    @Test(
        "a guest that moves its used index meanwhile loses its device, which is published again",
        arguments: [1, 2, 0x8000, 0xFFFF])
    func guestMovesIndex(index: UInt16) throws {
        let (bench, read) = try withRequestTaken()
        defer { withExtendedLifetime(read) {} }
        try bench.killHost { try bench.guest.memory(bench.driver.used, 4).store16(index, at: 2) }
        try bench.run { bench.kinds.contains(.needsReset) }
        try bench.slot.letGo()
        try bench.run { bench.kinds.contains(.published) }
    }

    @Test("a guest that scribbles over its descriptors meanwhile loses its device alone")
    func guestScribbles() throws {
        let (bench, read) = try withRequestTaken()
        defer { withExtendedLifetime(read) {} }
        try bench.killHost { try bench.driver.descriptor(0, .max, .max, flags: 1, next: 0xFFFF) }
        try bench.run { bench.kinds.contains(.needsReset) }
    }

    @Test("a reset that the guest asked for while the host was away is answered first")
    func resetMeanwhile() throws {
        let (bench, read) = try withRequestTaken()
        defer { withExtendedLifetime(read) {} }
        try bench.killHost { try bench.slot.askReset() }
        try bench.run { try bench.slot.byte(.hostAck) == 1 && bench.slot.byte(.vdevReset) == 0 }
        #expect(try bench.slot.status == 0 && bench.state == .published)
        try bench.drive()
        try bench.offer("anew", head: 0)
        let next = ReadLoop(bench.queue.openCopy())
        try bench.run { try next.tokens() == [2] }
    }

    @Test("a killed guest finds its rings as they were; what backends give back meanwhile is there")
    func guestGoesOn() throws {
        let bench = try ResumeBench.driven()
        let opening = bench.queue.openCopy()
        for head: UInt16 in [0, 2] { try bench.offer("request \(head)", head: head) }
        let read = ReadLoop(opening)
        try bench.run { try read.tokens() == [1, 2] }
        try bench.killGuest()
        #expect(try bench.state == .running && bench.backend.nextDeadline == nil)
        #expect(opening.send { $0.complete(1, payload: [0x41]) } == nil)
        try bench.restartGuest()
        #expect(try bench.driver.usedIndex == 1 && bench.driver.answer(1) == "A")
        try bench.run { bench.guest.takeRung().contains(3) }
        #expect(opening.send { $0.complete(2, payload: [0x42]) } == nil)
        try bench.offer("more", head: 0)
        let more = ReadLoop(opening)
        try bench.run { try more.tokens() == [3] }
        #expect(!bench.kinds.contains(.reset))
    }

    @Test("a guest that comes back for a fresh meeting finds a fresh page")
    func guestAfresh() throws {
        let bench = try ResumeBench.driven()
        try bench.killGuest()
        try WholeFile.remove(bench.directory + "/guest")
        try bench.restartGuest()
        try bench.run { bench.kinds.last == .published }
        #expect(try bench.state == .published && bench.guest.slot().status == 0)
        try bench.drive()
    }

    @Test(
        "a host that knows nothing of the page, or something else, is met afresh",
        arguments: ["", "vop-page 1\nmeeting 1\nend\n", "slots moved"])
    func pageForgotten(text: String) throws {
        let bench = try ResumeBench.driven()
        try bench.killHost {
            let path = bench.directory + "/page"
            let before = String(decoding: try WholeFile.contents(of: path), as: UTF8.self)
            let after = text == "slots moved" ? before.replacing("slot 24", with: "slot 28") : text
            try #require(after != before)
            try WholeFile.replace(path, with: [UInt8](after.utf8), isDurable: false)
        }
        try bench.run { bench.kinds.contains(.published) }
        try bench.drive()
        #expect(bench.kinds.contains(.recordFault))
    }

    @Test("a slot that was written down and not shown yet is shown in the end")
    func notShownYet() throws {
        let bench = try ResumeBench()
        try bench.meet()
        let slot = try bench.guest.slot()
        try bench.killHost { try bench.guest.page.store64(0, at: slot.offset) }
        try bench.run { bench.kinds.contains(.published) }
        try bench.drive()
    }

    @Test("what was on the page and is not configured any more stays out of use")
    func orphan() throws {
        let bench = try ResumeBench()
        try bench.meet()
        try bench.killHost {
            let path = bench.directory + "/page"
            let text = String(decoding: try WholeFile.contents(of: path), as: UTF8.self)
            let renamed = text.replacing("x6f6e65", with: "x74776f")
            try #require(renamed != text)
            try WholeFile.replace(path, with: [UInt8](renamed.utf8), isDurable: false)
        }
        try bench.run { bench.kinds.contains(.published) }
        #expect(try bench.guest.slots().map(\.offset) != [24])
        #expect(bench.backend.quarantinedByteCount > 0)
    }

    @Test("a page record comes back as it was written")
    func recordRoundTrip() {
        let slot = PageRecord.Slot(
            name: "a b\nü", offset: 24, queueCount: 1, featureByteCount: 8, configByteCount: 5, type: 9,
            doorbell: 3, life: .max, status: 15, negotiated: 1 << 32,
            rings: [PageRecord.Ring(address: 4096, size: 128, usedAddress: 1 << 40)])
        let record = PageRecord(meetingID: 7, slots: [slot])
        #expect(PageRecord(text: record.text) == record)
        for count in 0..<record.text.utf8.count {
            #expect(PageRecord(text: String(decoding: record.text.utf8.prefix(count), as: UTF8.self)) == nil)
        }
    }
}

/// A backend that reads on until a test has seen enough.
final class ReadLoop {
    let opening: QueueOpening
    private var reads: [ScriptedRead] = []

    init(_ opening: QueueOpening) { self.opening = opening }

    func delivered() throws -> [ScriptedRead.Delivered] {
        if reads.last?.isWaiting ?? false {} else { reads.append(opening.startRead()) }
        return try reads.filter { !$0.isWaiting }.flatMap { try $0.delivered() }
    }

    func tokens() throws -> [UInt64] { try delivered().map(\.token) }
}
