import Links
import SharedMemory
import Testing
import Virtio

@testable import LinkExercise

/// The other side asks for what it must not have.
@Suite struct LyingAskerTests {
    @Test(
        "memory of ours that is not set aside is neither written nor read for the far side",
        arguments: [TestOperation.fill, .checksum, .copy])
    func foreignMemory(operation: TestOperation) throws {
        let bench = try ExerciseBench(isFarScripted: true)
        let page = bench.near.devicePageAddress
        let before = try bytes(of: bench, at: page)
        let area = try bench.ask(request(1, bench, .reserve, byteCount: 65536))
        #expect(area.status == TestStatus.done.rawValue && area.byteCount == 65536)
        let theirs = bench.far.windows(of: .guest).placements[0].base
        for (number, address, byteCount) in [
            (2, page, 64), (3, area.address - 8, 64), (4, area.address + 65536 - 8, 64), (5, 0, 64),
            (6, UInt64.max - 8, 64), (7, area.address, 0), (8, area.address, 16 << 20 + 1),
            (9, area.address, UInt64.max),
        ] as [(UInt64, UInt64, UInt64)] {
            let source = operation == .copy ? theirs : address
            let answer = try bench.ask(
                request(number, bench, operation, source: source, target: address, byteCount: byteCount))
            #expect(answer.status == TestStatus.range.rawValue && answer.crc == 0, "\(address)+\(byteCount)")
        }
        #expect(try bytes(of: bench, at: page) == before)
        let allowed = try bench.ask(
            request(10, bench, operation, source: area.address, target: area.address, byteCount: 64))
        #expect(allowed.status == TestStatus.done.rawValue)
    }

    @Test("what is set aside has an upper bound, and no more than is free; a request of no kind is told so")
    func bounds() throws {
        let bench = try ExerciseBench(isFarScripted: true)
        #expect(
            try bench.ask(request(1, bench, .reserve, byteCount: 16 << 20 + 1)).status
                == TestStatus.range.rawValue)
        // The window has four of them.
        #expect(
            try bench.ask(request(2, bench, .reserve, byteCount: 16 << 20)).status
                == TestStatus.noMemory.rawValue)
        var odd = request(3, bench, .echo)
        odd.operation = 77
        #expect(try bench.ask(odd).status == TestStatus.unknown.rawValue)
        var doorbell = request(4, bench, .echo)
        doorbell.answerDoorbell = .max
        #expect(try bench.ask(doorbell).status == TestStatus.done.rawValue)
    }

    @Test("setting aside again and again holds one piece of memory, not all")
    func greedy() throws {
        let bench = try ExerciseBench(isFarScripted: true)
        for number in 1...40 {
            let answer = try bench.ask(request(UInt64(number), bench, .reserve, byteCount: 1 << 20))
            #expect(answer.status == TestStatus.done.rawValue)
        }
        _ = try bench.near.allocate(byteCount: 2 << 20, alignment: 4096)
    }

    @Test("a request of another meeting is none")
    func otherMeeting() throws {
        let bench = try ExerciseBench(isFarScripted: true)
        let lines = try bench.farLines
        var old = request(1, bench, .echo)
        old.meetingID &+= 1
        lines.ask(old)
        if let doorbell = DoorbellNumber(rawValue: 0) { bench.far.ring(doorbell) }
        let received = bench.near.counters.doorbells[.reads]
        try bench.run { bench.near.counters.doorbells[.reads] > received }
        #expect(lines.answer(to: 1) == nil)
        #expect(try bench.ask(request(2, bench, .echo)).number == 2)
    }

    private func request(
        _ number: UInt64, _ bench: ExerciseBench, _ operation: TestOperation, source: UInt64 = 0,
        target: UInt64 = 0, byteCount: UInt64 = 0
    ) -> TestRequest {
        TestRequest(
            number: number, meetingID: bench.far.meetingID, operation: operation.rawValue, source: source,
            target: target, byteCount: byteCount, seed: 1)
    }

    private func bytes(of bench: ExerciseBench, at address: UInt64) throws -> [UInt8] {
        let range = try PeerRange(untrustedAddress: address, byteCount: 4096)
        return try bench.near.addressSpace.window(covering: range).bytes(at: 0, byteCount: 4096)
    }
}
