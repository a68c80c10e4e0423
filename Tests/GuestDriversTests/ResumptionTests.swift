import GuestDrivers
import LinuxSystem
import NineP
import SystemPackage
import Testing

/// Documentation/decisions/13, on the driver's side: a client that lost its connection goes on where it was.
@Suite struct ResumptionTests {
    let bench: NinePBench
    private static let probe = Request.getattr(fid: Fid(rawValue: 0), mask: .basic)

    init() throws { bench = try NinePBench(queueSize: 32) { $0.graceLimit = .seconds(60) } }

    /// A client with a session, gone again after it asked `requests` under the tags 1, 2 …
    private func leave(after requests: [Request]) throws {
        let client = try bench.connect()
        _ = try client.version()
        for (index, request) in requests.enumerated() { try client.send(request, tag: UInt16(index + 1)) }
        try bench.run(serving: false) { bench.taken.count == requests.count }
    }

    private func settle() throws {
        var turns = 0
        try bench.run(serving: false) {
            turns += 1; return turns > 10
        }
    }

    /// Connects and proves that the session is there, as a client that resumes does.
    private func comeBack() throws -> NinePTestClient {
        let client = try bench.connect()
        try client.send(Self.probe, tag: 100)
        let before = bench.taken.count
        try bench.run(serving: false) { bench.taken.contains { $0.tag.rawValue == 100 } }
        #expect(bench.taken.count <= before + 1)
        let probe = try #require(bench.taken.first { $0.tag.rawValue == 100 })
        bench.answer(probe, Reply.error(code: 95).encoded(tag: probe.tag))
        #expect(try client.reply(serving: false).tag.rawValue == 100)
        return client
    }

    private func read(_ offset: UInt64, _ count: UInt32 = 10) -> Request {
        .read(fid: Fid(rawValue: 1), offset: offset, count: count)
    }

    @Test(
        "nothing is sent when a client leaves that may come back; a request sent again is joined, not submitted again"
    )
    func joined() throws {
        try leave(after: [read(5), read(6)])
        try settle()
        #expect(bench.taken.count == 2, "no Tversion of the driver's own")
        let client = try comeBack()
        try client.send(read(5), tag: 1)
        try client.send(read(6), tag: 2)
        try settle()
        #expect(bench.taken.count == 2)
        for request in bench.taken { bench.answer(request, NinePBench.reply(to: request)) }
        for offset in [UInt64(5), 6] {
            let (tag, reply) = try client.reply(serving: false)
            #expect(UInt64(tag.rawValue) == offset - 4)
            #expect(reply == .read(data: NinePBench.pattern(offset, 10)[...]))
        }
    }

    @Test(
        "a reply that came while nobody was there waits for its request, large ones and in any pieces",
        arguments: [1, 100_000])
    func kept(piece: Int) throws {
        let data = NinePBench.pattern(3, 20_000)
        let write = Request.write(fid: Fid(rawValue: 1), offset: 3, data: data[...])
        try leave(after: [read(5, 60_000), write])
        try settle()
        for request in bench.taken { bench.answer(request, NinePBench.reply(to: request)) }
        try settle()
        let client = try comeBack()
        try client.send(read(5, 60_000).encoded(tag: NineP.Tag(rawValue: 1)), serving: false)
        #expect(try client.reply(serving: false).reply == .read(data: NinePBench.pattern(5, 60_000)[...]))
        try client.send(write.encoded(tag: NineP.Tag(rawValue: 2)), inPiecesOf: piece, serving: false)
        #expect(try client.reply(serving: false).reply == .write(count: 20_000))
        #expect(bench.taken.isEmpty)
    }

    @Test(
        "a request that never arrived is submitted, and what is not asked for again is dropped by Tflush NOTAG"
    )
    func barrier() throws {
        try leave(after: [read(5)])
        try settle()
        for request in bench.taken { bench.answer(request, NinePBench.reply(to: request)) }
        let client = try comeBack()
        try client.send(read(9), tag: 7)
        try client.send(.flush(oldTag: .none), tag: 101)
        #expect(try client.reply().tag.rawValue == 7)
        #expect(try client.reply().reply == .flush)
        // The same bytes under the same tag as what was answered once: a new request.
        try client.send(read(5), tag: 1)
        try bench.run(serving: false) { bench.taken.count == 1 }
        #expect(try client.reply().reply == .read(data: NinePBench.pattern(5, 10)[...]))
    }

    @Test(
        "another frame under a tag in flight is never given its reply: the client is hung up on",
        arguments: [
            Request.read(fid: Fid(rawValue: 1), offset: 6, count: 10),
            .read(fid: Fid(rawValue: 1), offset: 5, count: 11), .clunk(fid: Fid(rawValue: 1)),
            .write(fid: Fid(rawValue: 1), offset: 5, data: [1, 2, 3]),
        ])
    func another(request: Request) throws {
        try leave(after: [read(5)])
        try settle()
        let client = try comeBack()
        try client.send(request, tag: 1)
        try client.waitUntilHungUp()
    }

    @Test(
        "another frame under the tag of a reply that is kept: its client has that reply, and asks something new",
        arguments: [
            Request.read(fid: Fid(rawValue: 1), offset: 6, count: 10),
            .read(fid: Fid(rawValue: 1), offset: 6, count: 11),
            .clunk(fid: Fid(rawValue: 1)),
        ])
    func next(request: Request) throws {
        try leave(after: [read(5)])
        try settle()
        for request in bench.taken { bench.answer(request, NinePBench.reply(to: request)) }
        try settle()
        let client = try comeBack()
        try client.send(request, tag: 1)
        let (tag, reply) = try client.reply()
        #expect(tag.rawValue == 1 && reply.answers == request.type)
        if case .read(_, let offset, let count) = request {
            #expect(reply == .read(data: NinePBench.pattern(offset, Int(count))[...]))
        }
    }

    @Test("such a frame that differs late is a new one when it comes again")
    func nextPayload() throws {
        let data = NinePBench.pattern(0, 30_000)
        var other = data
        other[29_999] ^= 1
        try leave(after: [.write(fid: Fid(rawValue: 1), offset: 0, data: other[...])])
        try settle()
        for request in bench.taken { bench.answer(request, NinePBench.reply(to: request)) }
        try settle()
        let frame = Request.write(fid: Fid(rawValue: 1), offset: 0, data: data[...]).encoded(
            tag: NineP.Tag(rawValue: 1))
        let client = try comeBack()
        try client.send(frame, serving: false)
        try client.waitUntilHungUp()
        let again = try comeBack()
        try again.send(frame, serving: false)
        try bench.run(serving: false) { bench.taken.count == 1 }
        bench.answer(bench.taken[0], NinePBench.reply(to: bench.taken[0]))
        #expect(try again.reply(serving: false).reply == .write(count: 30_000))
    }

    @Test("a payload that differs in its last byte is another frame")
    func anotherPayload() throws {
        var data = NinePBench.pattern(0, 30_000)
        try leave(after: [.write(fid: Fid(rawValue: 1), offset: 0, data: data[...])])
        try settle()
        let client = try comeBack()
        data[29_999] ^= 1
        try client.send(
            Request.write(fid: Fid(rawValue: 1), offset: 0, data: data[...]).encoded(
                tag: NineP.Tag(rawValue: 1)),
            serving: false)
        try client.waitUntilHungUp()
    }

    @Test("a first frame of Tversion is a fresh session: what was kept goes, and tags are free")
    func fresh() throws {
        try leave(after: [read(5)])
        try settle()
        let old = bench.taken[0]
        let client = try bench.connect()
        try client.send(.version(maximumMessageSize: 8192, version: Protocol9P.version), tag: 0xFFFF)
        try bench.run(serving: false) { bench.taken.count == 2 }
        bench.answer(old, [], written: 0)
        bench.answer(bench.taken[0], NinePBench.reply(to: bench.taken[0]))
        #expect(
            try client.reply(serving: false).reply
                == .version(maximumMessageSize: 8192, version: Protocol9P.version))
        try client.send(read(7), tag: 1)
        #expect(try client.reply().reply == .read(data: NinePBench.pattern(7, 10)[...]))
    }

    @Test("a flushed request whose Rflush nobody took is not sent again, and gets no reply")
    func flushed() throws {
        try leave(after: [read(5), .flush(oldTag: NineP.Tag(rawValue: 1))])
        try settle()
        let (old, flush) = (bench.taken[0], bench.taken[1])
        bench.answer(flush, Reply.flush.encoded(tag: flush.tag))
        bench.answer(old, [], written: 0)
        try settle()
        let client = try comeBack()
        try client.send(read(5), tag: 1)
        try client.send(.flush(oldTag: NineP.Tag(rawValue: 1)), tag: 2)
        let (tag, reply) = try client.reply(serving: false)
        #expect(tag.rawValue == 2 && reply == .flush)
        try settle()
        #expect(bench.taken.isEmpty)
        #expect(client.takeFrame() == nil)
    }

    @Test("after the limit the device is made to forget the session")
    func limit() throws {
        let bench = try NinePBench { $0.graceLimit = .milliseconds(20) }
        do {
            let client = try bench.connect()
            _ = try client.version()
        }
        try bench.run { bench.seen.count == 2 }
        #expect(bench.seen == [RequestType.version.rawValue, RequestType.version.rawValue])
    }

    @Test("a session is not kept for a process that has ended")
    func endedProcess() throws {
        let text =
            "import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);"
            + "s.sendall(bytes.fromhex('150000006400ff00200000080039503230 30302e4c'.replace(' ',''))); s.recv(100)"
        let output = try OutputPipe()
        let process = try SpawnedProcess(
            "/usr/bin/python3", ["-c", text, bench.socketPath], output: output.writingEnd)
        try bench.run { process.ending() != nil }
        #expect(process.ending() == .exited(0))
        try bench.run { bench.seen.count == 2 }
        #expect(bench.seen == [RequestType.version.rawValue, RequestType.version.rawValue])
    }

    @Test("no buffer is lost, however often a client comes back")
    func buffers() throws {
        for _ in 0..<200 {
            try leave(after: [])
            let client = try comeBack()
            try client.send(.flush(oldTag: .none), tag: 101)
            _ = try client.reply()
            for tag in 1...4 {
                try client.send(read(UInt64(tag), 60_000), tag: UInt16(tag))
                #expect(try client.reply().tag.rawValue == UInt16(tag))
            }
        }
    }
}
