import LinuxSystem
import NineP
import NinePClient
import SystemPackage
import Testing

@Suite struct SessionTests {
    @Test("the server may lower the message size, and the session keeps to it")
    func meeting() throws {
        let bench = try Bench(answer: .version(maximumMessageSize: 4096, version: "9P2000.L"))
        #expect(bench.session.maximumMessageSize == 4096)
        #expect(bench.session.maximumReadByteCount == 4085)
    }

    @Test(
        "a meeting that breaks the rules is refused",
        arguments: [
            (Reply.version(maximumMessageSize: 8193, version: "9P2000.L"), false),
            (.version(maximumMessageSize: 4095, version: "9P2000.L"), false),
            (.version(maximumMessageSize: 8192, version: "unknown"), true),
            (.version(maximumMessageSize: 8192, version: "9P2000"), true), (.error(code: 5), true),
            (.error(code: 0), true), (.error(code: .max), true), (.clunk, false),
        ])
    func badMeeting(answer: Reply, isRefusal: Bool) throws {
        let error = #expect(throws: SessionError.self) { try Bench(answer: answer) }
        if case .refused = error { #expect(isRefusal) } else { #expect(!isRefusal) }
    }

    @Test("replies out of order reach the calls they answer")
    func outOfOrder() throws {
        let bench = try Bench()
        let calls = try (0..<8).map { number in
            try Background { try bench.session.read(Fid(rawValue: UInt32(number)), at: 0, byteCount: 4) }
        }
        let requests = try (0..<8).map { _ in try bench.server.take() }
        #expect(Set(requests.map(\.tag)).count == 8)
        for (tag, request) in requests.reversed() {
            guard case .read(let fid, _, _) = request else { throw Errno.invalidArgument }
            try bench.server.send(.read(data: [UInt8(fid.rawValue)]), tag)
        }
        for (number, call) in calls.enumerated() { #expect(Array(try call.join()) == [UInt8(number)]) }
    }

    @Test("many threads make many calls, each gets its own answer")
    func manyThreads() throws {
        let bench = try Bench()
        let total = 8 * 500
        let serving = try Background {
            for _ in 0..<total {
                let (tag, request) = try bench.server.take()
                guard case .read(_, let offset, _) = request else { throw Errno.invalidArgument }
                var bytes: [UInt8] = []
                for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: offset >> (8 * UInt64(shift)))) }
                try bench.server.send(.read(data: bytes[...]), tag)
            }
        }
        let callers = try (0..<8).map { caller in
            try Background {
                for number in 0..<500 {
                    let offset = UInt64(caller << 32 | number)
                    let bytes = try bench.session.read(Fid(rawValue: 1), at: offset, byteCount: 8)
                    let answer = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
                    guard answer == offset else { throw Errno.badMessage }
                }
            }
        }
        for caller in callers { try caller.join() }
        try serving.join()
        #expect(bench.session.ending == nil)
    }

    @Test("a write's payload arrives as it was, large ones too")
    func write() throws {
        let bench = try Bench()
        let bytes = (0..<8000).map { UInt8(truncatingIfNeeded: $0) }
        let serving = try Background {
            let (tag, request) = try bench.server.take()
            try bench.server.send(.write(count: 8000), tag)
            return request
        }
        // SAFETY: plain bytes, borrowed for the call.
        let written = try unsafe bench.session.write(bytes.span.bytes, to: Fid(rawValue: 3), at: 99)
        #expect(written == 8000)
        #expect(try serving.join() == .write(fid: Fid(rawValue: 3), offset: 99, data: bytes[...]))
    }

    @Test(
        "the server's errno is the call's, and a number that is none is EIO",
        arguments: [(UInt32(2), CInt(2)), (0, 5), (70_000, 5)])
    func refusal(code: UInt32, errno: CInt) throws {
        let bench = try Bench()
        let serving = try Background { try bench.server.answer(.error(code: code)) }
        #expect(throws: SessionError.refused(Errno(rawValue: errno))) {
            try bench.session.clunk(Fid(rawValue: 1))
        }
        try serving.join()
    }

    @Test("a server that was started anew, and so refuses with EPROTO, ends the session")
    func forgotten() throws {
        let bench = try Bench()
        let serving = try Background { try bench.server.answer(.error(code: 71)) }
        #expect(throws: SessionError.ended(.forgotten)) { try bench.session.clunk(Fid(rawValue: 1)) }
        try serving.join()
        #expect(throws: SessionError.ended(.forgotten)) { try bench.session.clunk(Fid(rawValue: 2)) }
    }

    @Test("a walk that stops half way is ENOENT")
    func partialWalk() throws {
        let bench = try Bench()
        let qid = Qid(kind: .directory, version: 0, path: 1)
        let serving = try Background { try bench.server.answer(.walk(qids: [qid])) }
        #expect(throws: SessionError.refused(.noSuchFileOrDirectory)) {
            try bench.session.walk(Fid(rawValue: 1), to: Fid(rawValue: 2), ["a", "b"])
        }
        try serving.join()
    }

    static let breaches: [(String, @Sendable (NineP.Tag) -> [UInt8])] = [
        ("a tag nobody waits for", { Reply.clunk.encoded(tag: NineP.Tag(rawValue: $0.rawValue + 1)) }),
        ("no tag", { _ in Reply.read(data: []).encoded(tag: .none) }),
        ("a reply of another type", { Reply.clunk.encoded(tag: $0) }),
        ("more bytes than asked for", { Reply.read(data: [1, 2, 3, 4, 5]).encoded(tag: $0) }),
        ("a request", { Request.clunk(fid: Fid(rawValue: 1)).encoded(tag: $0) }),
        ("a frame above the message size", { _ in [0xFF, 0xFF, 0xFF, 0x7F, 117, 0, 0] }),
        ("a frame without a header", { _ in [6, 0, 0, 0, 117, 0] }),
    ]

    @Test(
        "a server that breaks the protocol costs the session, and everybody waiting is told",
        arguments: breaches.indices)
    func breach(index: Int) throws {
        let bench = try Bench()
        let calls = try (0..<3).map { _ in
            try Background { try bench.session.read(Fid(rawValue: 1), at: 0, byteCount: 4) }
        }
        let tags = try (0..<3).map { _ in try bench.server.take().tag.rawValue }
        try bench.server.sendBytes(Self.breaches[index].1(NineP.Tag(rawValue: tags.max() ?? 0)))
        for call in calls {
            let error = #expect(throws: SessionError.self) { try call.join() }
            #expect(error?.errno == .ioError)
        }
        guard case .violation = bench.session.ending else { throw Errno.badMessage }
        #expect(throws: SessionError.self) { try bench.session.clunk(Fid(rawValue: 1)) }
        #expect(bench.session.endCounter.drain() == 1)
    }

    static let surpluses: [(String, Reply)] = [
        ("more bytes written than were sent", .write(count: 9)),
        ("more qids than names", .walk(qids: [directory, directory])),
        ("a directory listing that ends amid an entry", .readdir(entries: [1, 2, 3])),
        (
            "a directory listing longer than asked for",
            .readdir(entries: ArraySlice(repeating: 0, count: 101))
        ),
    ]
    private static let directory = Qid(kind: .directory, version: 0, path: 1)

    @Test(
        "an answer with more in it than was asked for, or half of it, costs the session",
        arguments: surpluses.indices)
    func surplus(index: Int) throws {
        let bench = try Bench()
        let serving = try Background { try bench.server.answer(Self.surpluses[index].1) }
        let error = #expect(throws: SessionError.self) {
            switch index {
            case 0:
                let bytes = [UInt8](repeating: 0, count: 8)
                // SAFETY: plain bytes, borrowed for the call.
                _ = try unsafe bench.session.write(bytes.span.bytes, to: Fid(rawValue: 1), at: 0)
            case 1: _ = try bench.session.walk(Fid(rawValue: 1), to: Fid(rawValue: 2), ["a"])
            default: _ = try bench.session.readDirectory(Fid(rawValue: 1), at: 0, byteCount: 100)
            }
        }
        try serving.join()
        #expect(error?.errno == .ioError)
        guard case .violation = bench.session.ending else { throw Errno.badMessage }
    }

    @Test("a hang-up at any byte of a reply wakes everybody", arguments: 0..<12)
    func hangUp(byteCount: Int) throws {
        let bench = try Bench()
        let calls = try (0..<3).map { _ in
            try Background { try bench.session.read(Fid(rawValue: 1), at: 0, byteCount: 4) }
        }
        let tag = try (0..<3).map { _ in try bench.server.take().tag }[0]
        try bench.server.sendBytes(Array(Reply.read(data: [1]).encoded(tag: tag).prefix(min(byteCount, 11))))
        bench.server.hangUp()
        for call in calls { #expect(throws: SessionError.ended(.hungUp)) { try call.join() } }
    }

    @Test(
        "silence in the middle of a message ends the session, wherever it falls",
        arguments: [1, 4, 7, 11, 3000])
    func stall(byteCount: Int) throws {
        var limits = Session.Limits()
        limits.stall = .milliseconds(200)
        let bench = try Bench(limits: limits)
        let call = try Background { try bench.session.read(Fid(rawValue: 1), at: 0, byteCount: 4000) }
        let tag = try bench.server.take().tag
        let reply = Reply.read(data: [UInt8](repeating: 1, count: 4000)[...]).encoded(tag: tag)
        try bench.server.sendBytes(Array(reply.prefix(byteCount)))
        #expect(throws: SessionError.ended(.system(.timedOut))) { try call.join() }
    }

    @Test("a reply to Tversion under another tag breaks the protocol")
    func versionTag() throws {
        let (server, near) = try Bench.connect()
        let answering = try Background {
            _ = try server.take()
            try server.send(
                .version(maximumMessageSize: 8192, version: "9P2000.L"), Tag(rawValue: 1))
        }
        let error = #expect(throws: SessionError.self) {
            try Session(over: ByteStream(owning: OwnedDescriptor(owning: near)), maximumMessageSize: 8192)
        }
        try answering.join()
        guard case .ended(.violation) = error else { throw Errno.badMessage }
    }

    @Test("closing on this side wakes everybody")
    func close() throws {
        let bench = try Bench()
        let calls = try (0..<3).map { _ in
            try Background { try bench.session.read(Fid(rawValue: 1), at: 0, byteCount: 4) }
        }
        for _ in 0..<3 { _ = try bench.server.take() }
        bench.session.end()
        for call in calls { #expect(throws: SessionError.ended(.closed)) { try call.join() } }
    }

    @Test("fids are used again after they were given back")
    func fids() {
        let pool = FidPool()
        let first = pool.take()
        #expect(pool.take() != first)
        pool.give(back: first)
        #expect(pool.take() == first)
        #expect(pool.count == 2)
    }
}
