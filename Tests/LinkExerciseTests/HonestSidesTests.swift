import ControlTree
import Links
import SharedMemory
import SystemPackage
import Testing
import Virtio

@testable import LinkExercise

/// Two exercisers that mean well.
@Suite struct HonestSidesTests {
    @Test("each round trip rings the doorbell that was asked for, there and back")
    func ping() throws {
        let bench = try ExerciseBench(isFarScripted: false)
        let report = try bench.order("ping count=20 doorbell=3 answer=2 id=mine").get()
        #expect(report.word("id") == "mine" && report.word("rounds") == "20" && report.word("lost") == "0")
        #expect(report.word("came") == "0x4")
        // Doorbell 0 has rung for the call that nobody measures.
        #expect(report.word("arrived") == "0x8")
    }

    @Test(
        "what one side fills in, copies or reads has the same CRC on the other, whatever the size",
        arguments: [1, 7, 1024, 1025, 65537])
    func crossing(byteCount: Int) throws {
        let bench = try ExerciseBench(isFarScripted: false)
        _ = try bench.order("reserve bytes=131072").get()
        for (writer, reader, area) in [
            ("near", "far", "far"), ("far", "near", "near"), ("near", "far", "near"), ("far", "near", "far"),
        ] {
            let filled = try bench.order("fill by=\(writer) in=\(area) bytes=\(byteCount) seed=9 offset=3")
                .get()
            let read = try bench.order("checksum by=\(reader) in=\(area) bytes=\(byteCount) offset=3").get()
            #expect(filled.word("crc") == read.word("crc") && !read.word("crc").isEmpty)
        }
        let copied = try bench.order("copy by=far from=near offset=3 to=far to_offset=5 bytes=\(byteCount)")
            .get()
        let there = try bench.order("checksum by=near in=far offset=5 bytes=\(byteCount)").get()
        #expect(copied.word("crc") == there.word("crc"))
    }

    @Test(
        "what is set aside is taken from free memory, and given back: by release, and when the other side goes"
    )
    func reservations() throws {
        let bench = try ExerciseBench(isFarScripted: false)
        let one = try bench.near.allocate(byteCount: 8192, alignment: 4096)
        _ = try bench.order("reserve bytes=1048576").get()
        let two = try bench.near.allocate(byteCount: 4096, alignment: 4096)
        #expect(two.address >= one.end + 1_048_576)
        _ = try bench.order("release").get()
        let three = try bench.near.allocate(byteCount: 1_048_576, alignment: 4096)
        #expect(three.address < two.address)
        bench.near.free(three)
        _ = try bench.order("reserve bytes=1048576").get()
        bench.far.stop()
        try bench.run { bench.near.state == .waiting }
        #expect(throws: Refusal.self) { try bench.order("ping").get() }
    }

    @Test(
        "an order that is none is refused, and says what is allowed",
        arguments: [
            ("", "is no order"), ("pong", "is no order; write one of state, ping"),
            ("ping count=0", "count: 0 is not from 1"),
            ("ping doorbell=4", "doorbell: 4 is not from 0 to 3"),
            ("ping weight=1", "ping takes no 'weight'"),
            ("ping count=1 count=2", "each once"), ("fill by=near in=far bytes=1 seed=1", "reserve first"),
            ("reserve bytes=99999999", "is not from 1 to 16777216"), ("ping count=1x", "is no number"),
        ])
    func refused(order: String, sentence: String) throws {
        let bench = try ExerciseBench(isFarScripted: false)
        guard case .failure(let refusal) = try bench.order(order) else {
            Issue.record("\(order) was taken")
            return
        }
        #expect(refusal.message.contains(sentence))
    }

    @Test("a second order while one is under way is refused, and changes nothing of it")
    func busy() throws {
        let bench = try ExerciseBench(isFarScripted: false)
        let second = RefusedOrder()
        var isAsked = false
        let report = try bench.order("ping count=3 interval_us=2000") {
            if !isAsked { bench.desk.submit("ping", second.change) }
            isAsked = true
        }.get()
        #expect(report.word("rounds") == "3" && second.errno == .resourceBusy)
    }
}

private final class RefusedOrder: @unchecked Sendable {
    private(set) var errno: Errno?
    var change: PendingChange {
        PendingChange(Requester(user: 0, group: 0, process: 0)) { self.errno = $0?.errno }
    }
}
