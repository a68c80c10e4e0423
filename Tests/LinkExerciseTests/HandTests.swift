import ControlTree
import Links
import SharedMemory
import SystemPackage
import Testing
import Virtio

@testable import LinkExercise

/// Looking, storing and ringing by hand, and measuring.
@Suite struct HandTests {
    @Test("a word in memory that nobody has is stored, and read on the other side by the same offset")
    func free() throws {
        let bench = try ExerciseBench(isFarScripted: false)
        for (side, owner) in [("near", Side.host), ("far", .guest)] {
            let stored = try bench.order("poke side=\(side) offset=1048576 width=8 value=0x1122334455667788")
                .get()
            #expect(stored.word("was") == "0x0")
            let seen = try bench.order("peek side=\(side) offset=1048576 width=2 count=4").get()
            #expect(seen.words("at") == ["1048576", "0x7788"])
            let window = bench.far.windows(of: owner).placements[0].window
            #expect(window.load64(at: 1_048_576) == 0x1122_3344_5566_7788)
        }
    }

    @Test("a word in use is not stored, on either side and in the page, unless it is forced")
    func inUse() throws {
        let bench = try ExerciseBench(isFarScripted: false)
        let ours = try bench.near.allocate(byteCount: 4096, alignment: 4096)
        let theirs = try bench.far.allocate(byteCount: 4096, alignment: 4096)
        let places = [
            ("near", 16, "the device page"), ("near", offset(of: ours, .host, bench), "on this side"),
            ("far", offset(of: theirs, .guest, bench), "on the other side"),
        ]
        for (side, offset, what) in places {
            guard case .failure(let refusal) = try bench.order("poke side=\(side) offset=\(offset) value=7")
            else {
                Issue.record("\(side) \(offset) was stored")
                continue
            }
            #expect(refusal.errno == .resourceBusy && refusal.message.contains(what))
            #expect(try bench.order("peek side=\(side) offset=\(offset)").get().words("at").last == "0x0")
        }
        _ = try bench.order("poke side=far offset=\(places[2].1) value=7 force=1").get()
        #expect(try bench.far.addressSpace.window(covering: theirs).load32(at: 0) == 7)
    }

    @Test("where the side that has the window does not answer, nothing is stored unless it is forced")
    func unknown() throws {
        let bench = try ExerciseBench(isFarScripted: true)
        for status in [nil, TestStatus.unknown, .range] {
            let outcome = try bench.order(
                "poke side=far offset=0 value=7",
                answering: { request in status.map { TestAnswer(number: request.number, status: $0.rawValue) }
                })
            #expect(throws: Refusal.self) { try outcome.get() }
        }
        #expect(bench.far.windows(of: .guest).placements[0].window.load32(at: 0) == 0)
    }

    @Test(
        "words outside a window, or between two, are refused",
        arguments: [
            "peek side=far offset=4194304", "peek side=far offset=4194300 width=8", "peek side=far offset=2",
            "peek side=far offset=0 width=3", "peek side=far offset=0 window=1",
            "peek side=far offset=4194300 count=2",
            "poke side=far offset=0 width=1 value=256", "peek side=ours offset=0",
        ])
    func outside(order: String) throws {
        let bench = try ExerciseBench(isFarScripted: false)
        #expect(throws: Refusal.self) { try bench.order(order).get() }
    }

    @Test("a doorbell rung by hand arrives, and one of ours is waited for until it has rung")
    func rings() throws {
        let bench = try ExerciseBench(isFarScripted: true)
        let before = bench.far.counters.doorbells[.reads]
        _ = try bench.order("ring doorbell=3").get()
        try bench.run { bench.far.counters.doorbells[.reads] == before + 1 }
        if let doorbell = DoorbellNumber(rawValue: 2) { bench.far.ring(doorbell) }
        let rang = try bench.order("await doorbell=2 limit_ms=10000").get()
        #expect(rang.word("rang") == "1" && rang.word("came") == "0x4")
        let silent = try bench.order("await doorbell=2 limit_ms=10").get()
        #expect(silent.word("rang") == "0")
    }

    @Test(
        "speed is told of each thread, and what was set aside is all that was touched",
        arguments: ["write", "read"])
    func speed(direction: String) throws {
        let bench = try ExerciseBench(isFarScripted: false)
        let reserved = try bench.order("reserve bytes=65536").get()
        let end = try #require(UInt64(reserved.words("far")[0].dropFirst(2), radix: 16)) + 65536
        let behind = try PeerRange(untrustedAddress: end, byteCount: 4096)
        let window = try bench.far.addressSpace.window(covering: behind)
        window.write([UInt8](repeating: 0x5A, count: 4096), at: 0)
        let report = try bench.order("speed direction=\(direction) bytes=1000 threads=3 time_ms=20").get()
        let threads = report.text.split(separator: "\n").filter { $0.hasPrefix("thread ") }
        #expect(threads.count == 3)
        #expect(window.bytes(at: 0, byteCount: 4096).allSatisfy { $0 == 0x5A })
        guard case .failure = try bench.order("speed direction=\(direction) bytes=65536 threads=2") else {
            Issue.record("more was taken than there is")
            return
        }
    }

    @Test("a meeting that ends under a measurement ends the measurement, and its threads")
    func speedInterrupted() throws {
        let bench = try ExerciseBench(isFarScripted: false)
        _ = try bench.order("reserve bytes=65536").get()
        var turns = 0
        let outcome = try bench.order("speed direction=write bytes=4096 time_ms=2000") {
            turns += 1
            if turns == 5 { bench.far.stop() }
        }
        #expect(throws: Refusal.self) { try outcome.get() }
    }

    @Test("what the far side may still be writing to is not given back before it has answered again")
    func withheld() throws {
        let bench = try ExerciseBench(isFarScripted: true)
        let own = try bench.far.allocate(byteCount: 65536, alignment: 4096)
        let honest: (TestRequest) -> TestAnswer? = {
            TestAnswer(number: $0.number, address: own.address, byteCount: 65536)
        }
        let reserved = try bench.order("reserve bytes=65536", answering: honest).get()
        // It takes the request, and says nothing.
        #expect(throws: Refusal.self) { try bench.order("ping", answering: { _ in nil }).get() }
        _ = try bench.order("reserve side=near bytes=65536").get()
        let first = try #require(UInt64(reserved.words("near")[0].dropFirst(2), radix: 16))
        let range = try PeerRange(untrustedAddress: first, byteCount: 65536)
        #expect(!bench.near.reclaim(range))
        _ = try bench.order("ping count=1", answering: honest).get()
        #expect(bench.near.reclaim(range))
    }

    private func offset(of range: PeerRange, _ side: Side, _ bench: ExerciseBench) -> Int {
        Int(range.address - bench.near.windows(of: side).placements[0].base)
    }
}
