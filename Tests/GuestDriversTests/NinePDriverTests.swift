import DevicePage
import Glibc
import GuestDrivers
import GuestTestSupport
import Links
import LinuxSystem
import NineP
import SharedMemory
import SystemPackage
import TestSupport
import Testing
import VOPGuest
import Virtio
import Virtqueue

@Suite struct NinePDriverTests {
    @Test("the socket is named after the mount tag, and has the mode that was set")
    func socket() throws {
        let bench = try NinePBench { $0.mode = 0o660 }
        #expect(
            try bench.guest.snapshot(of: "9p0").outputs
                == [DriverOutput("socket", bench.socketPath), DriverOutput("tag", "share")])
        var status = stat()
        #expect(unsafe stat(bench.socketPath, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o660)
    }

    @Test("requests and replies pass unchanged, small and large")
    func session() throws {
        let bench = try NinePBench()
        let client = try bench.connect()
        #expect(try client.version() == 65536)
        for count in [0, 1, 100, 8000, 8192, 40000, 65000] {
            try client.send(
                .write(fid: Fid(rawValue: 1), offset: 5, data: NinePBench.pattern(5, count)[...]), tag: 7)
            #expect(try client.reply().reply == .write(count: UInt32(count)))
            try client.send(.read(fid: Fid(rawValue: 1), offset: 9, count: UInt32(count)), tag: 8)
            let (tag, reply) = try client.reply()
            #expect(tag.rawValue == 8)
            #expect(reply == .read(data: NinePBench.pattern(9, count)[...]))
        }
    }

    @Test("every split of the bytes is the same conversation", arguments: [1, 3, 7, 1000])
    func split(piece: Int) throws {
        let bench = try NinePBench()
        let client = try bench.connect()
        _ = try client.version()
        let write = Request.write(fid: Fid(rawValue: 1), offset: 0, data: NinePBench.pattern(0, 9000)[...])
        try client.send(
            write.encoded(tag: NineP.Tag(rawValue: 1))
                + Request.read(fid: Fid(rawValue: 1), offset: 3, count: 5000).encoded(
                    tag: NineP.Tag(rawValue: 2)),
            inPiecesOf: piece)
        let first = try Reply.decode(untrusted: try client.frame(inPiecesOf: piece))
        let second = try Reply.decode(untrusted: try client.frame(inPiecesOf: piece))
        #expect(first.reply == .write(count: 9000))
        #expect(second.reply == .read(data: NinePBench.pattern(3, 5000)[...]))
    }

    @Test("msize is lowered to what a copy file carries, and what the window's part for it carries")
    func messageSize() throws {
        let large = try NinePBench(windowByteCount: 32 << 20) { $0.poolByteCount = 16 << 20 }
        #expect(try large.connect().version(8 << 20) == 1_040_384)
        let small = try NinePBench { $0.poolByteCount = 64 << 10 }
        #expect(try small.connect().version(8 << 20) == 16384)
        let set = try NinePBench { $0.messageSizeMaximum = 8192 }
        #expect(try set.connect().version(8 << 20) == 8192)
        let kept = try NinePBench()
        #expect(try kept.connect().version(5000) == 5000)
    }

    @Test("a read of 4 GiB is given the room of one message, and no more")
    func enormousCount() throws {
        let bench = try NinePBench()
        let client = try bench.connect()
        let agreed = try client.version()
        try client.send(.read(fid: Fid(rawValue: 1), offset: 0, count: .max), tag: 1)
        try bench.run(serving: false) { bench.taken.count == 1 }
        #expect(bench.taken[0].chain.writableByteCount == agreed)
        #expect(try bench.state == .running)
    }

    @Test("a window with little room gives a smaller pool, and still a session")
    func littleRoom() throws {
        let bench = try NinePBench(windowByteCount: 1 << 20) { $0.poolByteCount = 16 << 20 }
        let agreed = try bench.connect().version(8 << 20)
        #expect(agreed >= 65536 && agreed < 262_144)
    }

    @Test("replies in any order reach the client as they come")
    func anyOrder() throws {
        let bench = try NinePBench(queueSize: 64)
        let client = try bench.connect()
        _ = try client.version()
        for tag in 1...20 {
            try client.send(.read(fid: Fid(rawValue: 1), offset: UInt64(tag), count: 10), tag: UInt16(tag))
        }
        try bench.run(serving: false) { bench.taken.count == 20 }
        for request in bench.taken.reversed() { bench.answer(request, NinePBench.reply(to: request)) }
        var tags: [UInt16] = []
        for _ in 0..<20 {
            let (tag, reply) = try client.reply(serving: false)
            tags.append(tag.rawValue)
            #expect(reply == .read(data: NinePBench.pattern(UInt64(tag.rawValue), 10)[...]))
        }
        #expect(tags == Array((1...20).reversed()))
    }

    @Test("more requests than the queue takes wait their turn", arguments: [UInt32(2), 4, 8])
    func fullQueue(queueSize: UInt32) throws {
        let bench = try NinePBench(queueSize: queueSize)
        let client = try bench.connect()
        _ = try client.version()
        var bytes: [UInt8] = []
        for tag in 1...50 {
            bytes += Request.clunk(fid: Fid(rawValue: 1)).encoded(tag: NineP.Tag(rawValue: UInt16(tag)))
        }
        try client.send(bytes, serving: false)
        var turns = 0
        try bench.run(serving: false) {
            turns += 1; return turns > 10
        }
        #expect(bench.taken.count == max(1, Int(queueSize) / 2 - 1))
        for tag in 1...50 {
            let (answered, reply) = try client.reply()
            #expect(answered.rawValue == UInt16(tag) && reply == .clunk)
        }
    }

    @Test("a client that takes no replies is read no further, and loses nothing")
    func slowClient() throws {
        let bench = try NinePBench(queueSize: 128) { $0.poolByteCount = 256 << 10 }
        let client = try bench.connect()
        let messageSize = try client.version()
        let count = messageSize - 24
        var rest: [UInt8] = []
        for tag in 1...60 {
            rest += Request.read(fid: Fid(rawValue: 1), offset: UInt64(tag), count: count)
                .encoded(tag: NineP.Tag(rawValue: UInt16(tag)))
        }
        try client.send(rest)
        var turns = 0
        try bench.run {
            turns += 1; return turns > 50
        }
        #expect(bench.seen.count < 61, "memory ends before the requests do")
        for tag in 1...60 {
            let (answered, reply) = try client.reply()
            #expect(answered.rawValue == UInt16(tag))
            #expect(reply == .read(data: NinePBench.pattern(UInt64(tag), Int(count))[...]))
        }
    }

    @Test("a second client is told EBUSY in answer to its first request, and hung up on; the first goes on")
    func secondClient() throws {
        let bench = try NinePBench()
        let first = try bench.connect()
        _ = try first.version()
        let second = try bench.connect()
        try second.send(.version(maximumMessageSize: 8192, version: Protocol9P.version), tag: 0xFFFF)
        let (tag, reply) = try second.reply()
        #expect(tag == NineP.Tag.none && reply == .error(code: 16))
        try second.waitUntilHungUp()
        try first.send(.clunk(fid: Fid(rawValue: 1)), tag: 3)
        #expect(try first.reply().reply == .clunk)
    }

    @Test("when the client hangs up the device is made to forget it before the next is served")
    func sessionEnd() throws {
        let bench = try NinePBench()
        var client: NinePTestClient? = try bench.connect()
        _ = try client?.version()
        try client?.send(.read(fid: Fid(rawValue: 1), offset: 0, count: 10), tag: 1)
        try bench.run(serving: false) { bench.taken.count == 1 }
        client = nil
        try bench.run(serving: false) { bench.taken.count == 2 }
        let version = try #require(bench.taken.last)
        #expect(version.type == RequestType.version.rawValue && version.tag == NineP.Tag.none)

        let next = try bench.connect()
        try next.send(.version(maximumMessageSize: 8192, version: Protocol9P.version), tag: 0xFFFF)
        var turns = 0
        try bench.run(serving: false) {
            turns += 1; return turns > 20
        }
        #expect(bench.taken.count == 2, "the next client waits")
        // The flushed read may end without a reply; the Tversion has one.
        bench.answer(bench.taken[0], [], written: 0)
        try bench.run(serving: false) {
            turns += 1; return turns > 40
        }
        #expect(bench.taken.count == 1)
        #expect(try next.reply().reply == .version(maximumMessageSize: 8192, version: Protocol9P.version))
        #expect(try bench.state == .running)
    }

    @Test("a client that asked nothing leaves nothing to forget")
    func cleanEnd() throws {
        let bench = try NinePBench()
        do { _ = try bench.connect() }
        var turns = 0
        try bench.run {
            turns += 1; return turns > 10
        }
        #expect(bench.seen.isEmpty)
        #expect(try bench.connect().version() == 65536)
    }

    @Test(
        "a driver with more to do than its turn allows is called again, though nothing rings and nothing is readable"
    )
    func budget() throws {
        let bench = try NinePBench { $0.requestBudget = 1 }
        let client = try bench.connect()
        _ = try client.version()
        var frames: [UInt8] = []
        for number in 1...3 as ClosedRange<UInt16> {
            Request.clunk(fid: Fid(rawValue: UInt32(number))).encode(
                tag: NineP.Tag(rawValue: number), into: &frames)
        }
        guard case .moved(frames.count) = try client.socket.write(frames[...]) else {
            throw Errno.wouldBlock
        }
        let poller = try Poller()
        try poller.add(bench.guest.pollDescriptor, .readable, token: 0)
        #expect(try !poller.wait(for: HangGuard.limit).isEmpty)
        // One step: all three are read from the socket.
        try bench.guest.service()
        var turns = 0
        while try {
            try bench.take()
            return bench.taken.count < 3
        }() {
            turns += 1
            try #require(turns < 20)
            #expect(try poller.wait(for: .zero).isEmpty)
            try #require(bench.guest.nextDeadline.map { $0 <= .now } == true, "nobody would call it again")
            try bench.guest.service()
        }
        #expect(turns >= 3)
        // Looks once more, finds nothing, and rests.
        try bench.guest.service()
        #expect(bench.guest.nextDeadline.map { $0 <= .now } != true)
    }

    @Test("while the device does not forget, clients are refused in the end")
    func neverForgets() throws {
        let bench = try NinePBench { $0.endLimit = .milliseconds(20) }
        do {
            let client = try bench.connect()
            _ = try client.version()
        }
        let next = try bench.connect()
        try next.send(.version(maximumMessageSize: 8192, version: Protocol9P.version), tag: 0xFFFF)
        #expect(try next.reply(serving: false).reply == .error(code: 16))
    }

    @Test("a flushed request may end without a reply, and after Rflush its tag may be used again")
    func flush() throws {
        let bench = try NinePBench()
        let client = try bench.connect()
        _ = try client.version()
        try client.send(.read(fid: Fid(rawValue: 1), offset: 0, count: 10), tag: 1)
        try client.send(.flush(oldTag: NineP.Tag(rawValue: 1)), tag: 2)
        try bench.run(serving: false) { bench.taken.count == 2 }
        let old = bench.taken[0]
        bench.answer(bench.taken[1], Reply.flush.encoded(tag: NineP.Tag(rawValue: 2)))
        #expect(try client.reply(serving: false).reply == .flush)
        try client.send(.clunk(fid: Fid(rawValue: 1)), tag: 1)
        try bench.run(serving: false) { bench.taken.count == 2 }
        // Too late for the client, whether with a reply or without.
        bench.answer(old, NinePBench.reply(to: old))
        let (tag, reply) = try client.reply()
        #expect(tag.rawValue == 1 && reply == .clunk)
        #expect(try bench.state == .running)
    }

    @Test("Tversion in the middle of a session ends what was under way without replies")
    func versionAgain() throws {
        let bench = try NinePBench()
        let client = try bench.connect()
        _ = try client.version()
        try client.send(.read(fid: Fid(rawValue: 1), offset: 0, count: 10), tag: 1)
        try client.send(.version(maximumMessageSize: 4096, version: Protocol9P.version), tag: 0xFFFF)
        try bench.run(serving: false) { bench.taken.count == 2 }
        let old = bench.taken[0]
        bench.answer(bench.taken[1], NinePBench.reply(to: bench.taken[1]))
        bench.answer(old, [], written: 0)
        #expect(
            try client.reply(serving: false).reply
                == .version(maximumMessageSize: 4096, version: Protocol9P.version))
        try client.send([0x01, 0x20, 0, 0, 110, 1, 0])
        try client.waitUntilHungUp()
    }
}
