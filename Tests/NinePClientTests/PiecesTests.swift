import LinuxSystem
import NineP
import NinePClient
import SystemPackage
import Testing

/// One read or write in several messages, all under way at once.
@Suite(.timeLimit(.minutes(1))) struct PiecesTests {
    let bench: Bench
    let pieces = Pieces(of: 8000, upTo: 4096)
    let interruption = Interruption()
    let bytes = (0..<8000).map { UInt8(truncatingIfNeeded: $0 / 31) }

    init() throws { bench = try Bench(isResumable: true) }

    private typealias Sent = (tag: NineP.Tag, request: Request)

    /// A read, both of whose requests the server has taken.
    private func read() throws -> (Background<[UInt8]>, Sent, Sent) {
        let call = try Background { [bench, pieces, interruption] in
            let parts = try bench.session.read(
                Fid(rawValue: 1), at: 100, pieces, interruption: interruption)
            return parts.flatMap { $0 }
        }
        return (call, try bench.server.take(), try bench.server.take())
    }

    private func write() throws -> (Background<Int>, Sent, Sent) {
        let call = try Background { [bench, pieces, bytes] in
            // SAFETY: plain bytes, borrowed for the call.
            try unsafe bench.session.write(bytes.span.bytes, to: Fid(rawValue: 1), at: 100, pieces)
        }
        return (call, try bench.server.take(), try bench.server.take())
    }

    @Test(
        "pieces are all of the bytes, in order, none above its limit",
        arguments: [0, 1, 4095, 4096, 8000, 1 << 20, 1 << 21], [1000, 4096, 65_512, 1_048_552])
    func divided(byteCount: Int, limit: Int) {
        let ranges = Pieces(of: byteCount, upTo: limit).ranges
        #expect(ranges.first?.lowerBound == 0 && ranges.last?.upperBound == byteCount)
        #expect(zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
        #expect(ranges.allSatisfy { $0.count <= limit })
    }

    @Test("all pieces of a read are asked for before any is answered, and put together in order")
    func readAtOnce() throws {
        let (call, first, second) = try read()
        #expect(first.request == .read(fid: Fid(rawValue: 1), offset: 100, count: 4096))
        #expect(second.request == .read(fid: Fid(rawValue: 1), offset: 4196, count: 3904))
        try bench.server.send(.read(data: bytes[4096...]), second.tag)
        try bench.server.send(.read(data: bytes[..<4096]), first.tag)
        #expect(try call.join() == bytes)
    }

    @Test("a short piece is the end of the file, whatever comes behind it")
    func shortRead() throws {
        let (call, first, second) = try read()
        try bench.server.send(.read(data: bytes[..<50]), first.tag)
        try bench.server.send(.read(data: [1, 2, 3]), second.tag)
        #expect(try call.join() == Array(bytes[..<50]))
    }

    @Test("an error of any piece is the read's, and the other's answer is waited for")
    func failedRead() throws {
        let (call, first, second) = try read()
        try bench.server.send(.error(code: 5), first.tag)
        try bench.server.send(.read(data: bytes[4096...]), second.tag)
        #expect(throws: SessionError.refused(.ioError)) { try call.join() }
        #expect(bench.session.ending == nil)
    }

    @Test("a write's pieces carry its bytes, and count together")
    func writeAtOnce() throws {
        let (call, first, second) = try write()
        #expect(first.request == .write(fid: Fid(rawValue: 1), offset: 100, data: bytes[..<4096]))
        #expect(second.request == .write(fid: Fid(rawValue: 1), offset: 4196, data: bytes[4096...]))
        try bench.server.send(.write(count: 3904), second.tag)
        try bench.server.send(.write(count: 4096), first.tag)
        #expect(try call.join() == 8000)
    }

    @Test("what was written before an error counts; nothing behind it does")
    func failedWrite() throws {
        let (call, first, second) = try write()
        try bench.server.send(.write(count: 4096), first.tag)
        try bench.server.send(.error(code: 28), second.tag)
        #expect(try call.join() == 4096)
        let (refused, third, fourth) = try write()
        try bench.server.send(.error(code: 28), third.tag)
        try bench.server.send(.write(count: 3904), fourth.tag)
        #expect(throws: SessionError.refused(.noSpace)) { try refused.join() }
    }

    @Test("who is given up has every piece flushed, and waits for each")
    func interrupted() throws {
        let (call, first, second) = try read()
        interruption.interrupt()
        let flushes = [try bench.server.take(), try bench.server.take()]
        #expect(flushes.map(\.request) == [.flush(oldTag: first.tag), .flush(oldTag: second.tag)])
        for flush in flushes { try bench.server.send(.flush, flush.tag) }
        #expect(throws: SessionError.interrupted) { try call.join() }
        #expect(bench.session.ending == nil)
    }

    @Test("every piece that was not answered is sent again before any is answered")
    func resumed() throws {
        let (call, first, second) = try write()
        bench.server.hangUp()
        let poller = try Poller()
        try poller.add(bench.session.lossCounter.rawDescriptor, .readable, token: 1)
        #expect(try !poller.wait(for: .seconds(20)).isEmpty, "the session did not notice its loss")
        let (server, stream) = try Bench.connect()
        let qid = Qid(kind: .directory, version: 0, path: 77)
        let attempt = try Background { [bench] in
            try bench.session.resume(
                over: ByteStream(owning: OwnedDescriptor(owning: stream)), proving: Fid(rawValue: 0),
                leadsTo: qid, within: .seconds(20))
        }
        try server.answer(.getattr(NineP.FileAttributes(valid: .basic, qid: qid, mode: 0o040755)))
        #expect(try server.take() == first)
        #expect(try server.take() == second)
        let barrier = try server.take()
        #expect(barrier.request == .flush(oldTag: .none))
        try server.send(.write(count: 4096), first.tag)
        try server.send(.write(count: 3904), second.tag)
        #expect(try call.join() == 8000)
        #expect(try attempt.join())
    }

    @Test("a server that hangs up amid the pieces ends them all")
    func hungUp() throws {
        let bench = try Bench()
        let call = try Background { [pieces] in
            try bench.session.read(Fid(rawValue: 1), at: 0, pieces).count
        }
        let first = try bench.server.take().tag
        _ = try bench.server.take()
        try bench.server.send(.read(data: bytes[..<4096]), first)
        bench.server.hangUp()
        #expect(throws: SessionError.ended(.hungUp)) { try call.join() }
    }

    @Test("threads whose pieces are answered in any order each get their own")
    func manyThreads() throws {
        let (threads, rounds) = (4, 100)
        let serving = try Background { [bench] in
            var held: [Sent] = []
            for _ in 0..<threads * rounds * 2 {
                held.append(try bench.server.take())
                // Whoever is left has two under way.
                guard held.count == 2 else { continue }
                while let (tag, request) = held.popLast() {
                    guard case .read(let fid, _, let count) = request else { throw Errno.badMessage }
                    let data = [UInt8](repeating: UInt8(fid.rawValue), count: Int(count))
                    try bench.server.send(.read(data: data[...]), tag)
                }
            }
        }
        let callers = try (0..<threads).map { number in
            try Background { [bench, pieces] in
                for _ in 0..<rounds {
                    let parts = try bench.session.read(Fid(rawValue: UInt32(number)), at: 0, pieces)
                    let isOwn = parts.joined().allSatisfy { $0 == UInt8(number) }
                    guard parts.joined().count == 8000, isOwn else { throw Errno.badMessage }
                }
            }
        }
        for caller in callers { try caller.join() }
        try serving.join()
    }
}
