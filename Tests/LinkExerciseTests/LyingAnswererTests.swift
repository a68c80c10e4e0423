import ControlTree
import Links
import SharedMemory
import SystemPackage
import Testing
import Virtio

@testable import LinkExercise

/// The other side answers wrongly, late, twice or never.
@Suite struct LyingAnswererTests {
    @Test(
        "a far side that never answers is said to be silent within the limit; one that knows no tests, to be older"
    )
    func silent() throws {
        let bench = try ExerciseBench(isFarScripted: true)
        guard case .failure(let older) = try bench.order("ping") else {
            Issue.record("nobody answered, and it was taken for an answer")
            return
        }
        #expect(older.errno == .notSupported)
        guard case .failure(let silent) = try bench.order("ping", answering: { _ in nil }) else {
            Issue.record("nobody answered, and it was taken for an answer")
            return
        }
        #expect(silent.errno == .timedOut)
    }

    @Test(
        "an answer that names another request is none; one that comes after its time does not answer the next"
    )
    func stale() throws {
        let bench = try ExerciseBench(isFarScripted: true)
        let wrong = try bench.order(
            "ping", answering: { TestAnswer(number: $0.number &- 1) })
        #expect(throws: Refusal.self) { try wrong.get() }
        var previous: UInt64 = 0
        let late = try bench.order(
            "ping count=2 limit_ms=50",
            answering: { request in
                defer { previous = request.number }
                return TestAnswer(number: previous == 0 ? request.number : previous)
            }
        ).get()
        #expect(late.word("rounds") == "0" && late.word("lost") == "1")
    }

    @Test("an answer whose doorbell does not come is lost, and told apart from one that was not written")
    func wrongDoorbell() throws {
        let bench = try ExerciseBench(isFarScripted: true)
        let lines = try bench.farLines
        lines.begin()
        var last: UInt64 = 0
        let report = try bench.order("ping count=2 limit_ms=50 answer=2") {
            guard let request = lines.request(after: last) else { return }
            last = request.number
            lines.answer(TestAnswer(number: request.number, doorbells: 0x8))
            // Never the one that was asked for.
            if let doorbell = DoorbellNumber(rawValue: 1) { bench.far.ring(doorbell) }
        }.get()
        #expect(report.word("lost") == "1" && report.word("answered") == "1")
        #expect(report.word("came") == "0x2" && report.word("arrived") == "0x8")
    }

    @Test(
        "memory that the far side says it set aside lies in its windows and has the size, or is refused",
        arguments: ["outside", "ours", "wraps", "size"])
    func reservation(lie: String) throws {
        let bench = try ExerciseBench(isFarScripted: true)
        let own = try bench.far.allocate(byteCount: 65536, alignment: 4096)
        let ours = try bench.near.allocate(byteCount: 65536, alignment: 4096)
        let outcome = try bench.order(
            "reserve bytes=65536",
            answering: { request in
                let address: UInt64 =
                    switch lie {
                    case "outside": bench.near.windows(of: .guest).placements[0].end - 4096
                    case "ours": ours.address
                    case "wraps": .max - 100
                    default: own.address
                    }
                return TestAnswer(
                    number: request.number, address: address, byteCount: lie == "size" ? 65537 : 65536)
            })
        guard case .failure(let refusal) = outcome else {
            Issue.record("\(lie) was taken")
            return
        }
        #expect(refusal.errno == .protocolError)
        #expect(throws: Refusal.self) { try bench.order("fill by=near in=far bytes=8 seed=1").get() }
    }

    @Test(
        "a status that means nothing, and one that refuses, end the order",
        arguments: [1, 2, 3, 4, 99] as [UInt32])
    func status(status: UInt32) throws {
        let bench = try ExerciseBench(isFarScripted: true)
        let outcome = try bench.order(
            "release", answering: { TestAnswer(number: $0.number, status: status) })
        #expect(throws: Refusal.self) { try outcome.get() }
    }

    @Test("a CRC that the far side made up is told as it is, and is not the one this side reads")
    func wrongCRC() throws {
        let bench = try ExerciseBench(isFarScripted: true)
        let own = try bench.far.allocate(byteCount: 65536, alignment: 4096)
        let script: (TestRequest) -> TestAnswer? = { request in
            TestAnswer(number: request.number, crc: 0x1234, address: own.address, byteCount: 65536)
        }
        _ = try bench.order("reserve bytes=65536", answering: script).get()
        let far = try bench.order("fill by=far in=far bytes=1025 seed=1", answering: script).get()
        let near = try bench.order("checksum by=near in=far bytes=1025").get()
        #expect(far.word("crc") == "0x1234" && near.word("crc") != "0x1234")
    }
}
