import ControlTree
import Links
import SystemPackage
import Testing
import VOPHost
import Virtio

@testable import vophostd

/// A queue's `copy` and `stream`, as their openers see them.
@Suite struct QueueFileTests {
    @Test("published, driven, served through the stream")
    func served() throws {
        let bench = try TreeBench.driven()
        #expect(try bench.cat("share/status") == "acknowledge+driver+driver-ok+features-ok")
        #expect(try bench.cat("share/negotiated") == "0x0000000120000001")
        #expect(try bench.cat("share/slot") == "24")
        #expect(try bench.cat("share/queues/0/state") == "running")
        let stream = try bench.open("share/queues/0/stream", .both)
        let read = TestRead()
        stream.read(read, at: 0)
        #expect(!read.isOver)
        try bench.client?.send("ping")
        #expect(try bench.run { read.isOver })
        #expect(try read.result() == Array("ping".utf8))
        let answer = Array("pong".utf8)
        let outcome = unsafe stream.write(answer.span.bytes, at: 0, isNonBlocking: false) {
            PendingChange(TreeBench.requester) { _ in }
        }
        #expect(outcome == .taken(4))
        #expect(try bench.run { bench.client?.answers == ["pong"] })
        let stats = try bench.cat("share/queues/0/stats").split(separator: "\n")
        #expect(stats.contains("chains_taken 1") && stats.contains("chains_completed 1"))
        #expect(stats.contains("bytes_read 4") && stats.contains("bytes_written 4"))
        let vring = try bench.cat("share/queues/0/vring").split(separator: "\n")
        #expect(vring.contains("available_index 1") && vring.contains("used_index 1"))
    }

    @Test("files that consume are opened for both, or not at all")
    func consuming() throws {
        let bench = try TreeBench.share()
        for name in ["copy", "stream"] {
            #expect(throws: Refusal.self) { try bench.open("share/queues/0/\(name)", .reading) }
        }
    }

    @Test("a reader that gives up takes nothing with it")
    func interrupted() throws {
        let bench = try TreeBench.driven()
        let stream = try bench.open("share/queues/0/stream", .both)
        let first = TestRead()
        stream.read(first, at: 0)
        first.giveUp()
        try bench.client?.send("late")
        let second = TestRead()
        stream.read(second, at: 0)
        #expect(try bench.run { second.isOver })
        #expect(try second.result() == Array("late".utf8))
    }

    @Test("a reader whose file is closed under it is let go of, and not kept unanswered")
    func droppedReader() throws {
        let bench = try TreeBench.driven()
        weak var dropped: TestRead?
        do {
            let stream = try bench.open("share/queues/0/stream", .both)
            let read = TestRead()
            dropped = read
            stream.read(read, at: 0)
            stream.close()
        }
        #expect(dropped == nil)
    }
}
