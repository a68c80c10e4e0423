import Glibc
import LinuxSystem
import NineP
import NinePServer
import SystemPackage
import TestSupport
import Testing

/// Many requests for the same few fids at once, and numbers at the ends of what they can be.
@Suite("fids and numbers under attack")
struct FidRaceTests {
    @Test(
        "4.5 (13, 14): requests that transform the same fids at once are each answered once, and nothing is left"
    )
    func sameFids() throws {
        let bench = try ServerBench()
        try bench.tree.makeDirectory("a")
        for name in ["one", "two", "a/three"] { try bench.tree.write("hello", to: name) }
        let client = try bench.attached()
        let tree = bench.tree.path
        let racer = try Meddler { _ in
            _ = unsafe rename(tree + "/a", tree + "/b")
            _ = unsafe rename(tree + "/b", tree + "/a")
        }
        defer { racer.stop() }
        var random = SeededGenerator(seed: UInt64(getpid()))
        let seed = random
        for _ in 0..<150 {
            var frames: [UInt8] = []
            for tag in 0..<100 as Range<UInt16> {
                self.request(&random).encode(tag: NineP.Tag(rawValue: tag), into: &frames)
            }
            try client.send(bytes: frames)
            var tags: Set<UInt16> = []
            for _ in 0..<100 { tags.insert(try client.receive().tag.rawValue) }
            #expect(tags.count == 100, "\(seed)")
        }
        for fid in 1...4 as ClosedRange<UInt32> { _ = try client.call(.clunk(fid: fid.fid)) }
        for fid in 1...4 as ClosedRange<UInt32> {
            try client.refuses(.clunk(fid: fid.fid), with: .badFileDescriptor)
        }
        try client.walk(0, to: 1)
    }

    private func request(_ random: inout SeededGenerator) -> Request {
        let fid = Fid(rawValue: UInt32(1 + random.below(4)))
        let other = UInt32(1 + random.below(4))
        let names = ["one", "two", "a", "b", "..", "three"]
        let name = names[Int(random.below(6))]
        return switch random.below(16) {
        case 0, 1, 2: .walk(0, to: other, [name])
        case 3: .walk(fid, to: other, [name])
        case 4: .walk(fid, to: other, [])
        case 5, 6: .lopen(fid: fid, flags: random.below(2) == 0 ? .readOnly : .readWrite)
        case 7: .lcreate(other, name)
        case 8: .read(fid: fid, offset: 0, count: 100)
        case 9: .write(fid: fid, offset: 0, data: [1, 2, 3])
        case 10: .readdir(fid: fid, offset: 0, count: 1000)
        case 11: .xattrwalk(fid: fid, newFid: other.fid, name: "")
        case 12: .lock(other, .write, 0, 10)
        case 13: .rename(fid: fid, directory: 0, name: "two")
        case 14: .remove(fid: fid)
        default: .clunk(fid: fid)
        }
    }

    @Test(
        "4.5 (12): directories are not written, files not listed, and nothing is read or locked before it is open"
    )
    func wrongKinds() throws {
        let bench = try ServerBench()
        try bench.tree.makeDirectory("directory")
        try bench.tree.write("hello", to: "file")
        let client = try bench.attached()
        try client.walk(0, to: 1, "directory")
        for flags in [OpenFlags.writeOnly, .readWrite] {
            try client.refuses(.lopen(fid: 1, flags: flags), with: .isDirectory)
        }
        try client.refuses(.read(fid: 1, offset: 0, count: 10), with: .badFileDescriptor)
        try client.refuses(.readdir(fid: 1, offset: 0, count: 1000), with: .badFileDescriptor)
        try client.open(1)
        try client.refuses(.read(fid: 1, offset: 0, count: 10), with: .isDirectory)
        try client.refuses(.write(fid: 1, offset: 0, data: [1]), with: .badFileDescriptor)
        try client.refuses(.lock(1, .read, 0, 0), with: .isDirectory)
        try client.walk(0, to: 2, "file")
        try client.refuses(.lock(2, .read, 0, 0), with: .badFileDescriptor)
        try client.refuses(.lcreate(2, "below"), with: .notDirectory)
        try client.open(2)
        try client.refuses(.lopen(fid: 2, flags: .readOnly), with: .badFileDescriptor)
        try client.refuses(.readdir(fid: 2, offset: 0, count: 1000), with: .notDirectory)
        try client.refuses(.lcreate(2, "below"), with: .badFileDescriptor)
    }

    @Test("4.5 (16): a fid in use is given no second meaning")
    func fidsInUse() throws {
        let bench = try ServerBench()
        try bench.tree.write("hello", to: "file")
        let client = try bench.attached()
        try client.open("file", as: 1)
        try client.refuses(.walk(0, to: 1, []), with: .badFileDescriptor)
        try client.refuses(.walk(0, to: 1, ["file"]), with: .badFileDescriptor)
        try client.refuses(.xattrwalk(fid: 0, newFid: 1, name: ""), with: .badFileDescriptor)
        try client.refuses(.xattrwalk(fid: 1, newFid: 1, name: ""), with: .badFileDescriptor)
        let attach = Request.attach(fid: 1, authFid: .none, user: "", tree: "tree", userNumber: getuid())
        try client.refuses(attach, with: .badFileDescriptor)
        #expect(try client.read(1) == "hello")
    }

    @Test(
        "4.5 (19): offsets and counts at the ends of their numbers are refused or find nothing",
        arguments: [(1 << 63) - 1, 1 << 63, .max] as [UInt64])
    func extremeNumbers(offset: UInt64) throws {
        let bench = try ServerBench()
        try bench.tree.write("hello", to: "file")
        let client = try bench.attached()
        try client.open("file", as: 1, .readWrite)
        for count in [0, 1, .max] as [UInt32] {
            switch try client.call(.read(fid: 1, offset: offset, count: count)) {
            case .read(let data): #expect(data.isEmpty)
            case let other: #expect(other == .error(code: UInt32(Errno.invalidArgument.rawValue)))
            }
        }
        guard case .error = try client.call(.write(fid: 1, offset: offset, data: [1, 2])) else {
            Issue.record("written at \(offset)")
            return
        }
        if offset > UInt64(Int64.max) {
            try client.refuses(.setattr(1) { ($0.valid, $0.size) = (.size, offset) }, with: .fileTooLarge)
            try client.walk(0, to: 2)
            try client.open(2)
            try client.refuses(.readdir(fid: 2, offset: offset, count: 1000), with: .invalidArgument)
        }
        #expect(try bench.tree.read("file") == "hello")
    }

    @Test("4.5 (22): after msize was made smaller no reply is larger, with large reads in flight")
    func smallerMessages() throws {
        let bench = try ServerBench()
        try bench.tree.write(String(repeating: "x", count: 60_000), to: "large")
        let client = try bench.attached()
        try client.open("large", as: 1)
        var frames: [UInt8] = []
        for tag in 0..<50 as Range<UInt16> {
            Request.read(fid: 1, offset: 0, count: 60_000).encode(
                tag: NineP.Tag(rawValue: tag), into: &frames)
        }
        Request.version(maximumMessageSize: 4096, version: "9P2000.L").encode(tag: .none, into: &frames)
        try client.send(bytes: frames)
        // What was not begun is taken out, never answered.
        while case .read = try client.receive().reply {}
        try client.attach(0)
        try client.open("large", as: 1)
        for count in [4096, 60_000, .max] as [UInt32] {
            try client.send(.read(fid: 1, offset: 0, count: count), tag: 1)
            let frame = try #require(try client.receiveFrame())
            #expect(frame.count <= 4096 && frame.count > 4000)
        }
        try client.send(bytes: [0, 0x11, 0, 0, 118, 1, 0])
        #expect(try client.isHungUpOn())
    }

    @Test("4.5 (24): no reply has bytes that were not produced for its request")
    func otherPeoplesBytes() throws {
        let bench = try ServerBench()
        let pattern: UInt8 = 0xA5
        try bench.tree.write(String(repeating: "\u{25}", count: 50_000), to: "short")
        try bench.tree.write("", to: "hole")
        #expect(unsafe truncate(bench.tree.path + "/hole", 60_000) == 0)
        let (loud, quiet) = (try bench.attached(), try bench.attached())
        try loud.walk(0, to: 1)
        try loud.must(.lcreate(1, "secret"))
        try loud.must(
            .write(fid: 1, offset: 0, data: [UInt8](repeating: pattern, count: 60_000)[...]))
        try quiet.open("hole", as: 1)
        try quiet.open("short", as: 2)
        try quiet.walk(0, to: 3)
        try quiet.open(3)
        for round in 0..<200 as Range<UInt64> {
            for tag in 0..<4 as Range<UInt16> {
                try loud.send(.read(fid: 1, offset: 0, count: 60_000), tag: tag)
            }
            let requests: [Request] = [
                .read(fid: 1, offset: round, count: 60_000), .read(fid: 2, offset: 49_990, count: 60_000),
                .read(fid: 2, offset: 50_000, count: 60_000), .readdir(fid: 3, offset: 0, count: 60_000),
                .statfs(fid: 1), .getattr(fid: 2, mask: .all), .getattr(fid: 9, mask: .all),
            ]
            for request in requests {
                try quiet.send(request, tag: 7)
                let frame = try #require(try quiet.receiveFrame())
                #expect(!frame.contains([UInt8](repeating: pattern, count: 8)), "\(request)")
            }
            for _ in 0..<4 { _ = try loud.receiveFrame() }
        }
    }

    @Test("4.5 (30): a flood of flushes is answered one for one, and holds up nobody")
    func flushFlood() throws {
        let bench = try ServerBench()
        let (flooding, other) = (try bench.attached(), try bench.attached())
        let count = 30_000
        let sender = try Thread("flood") {
            var frames: [UInt8] = []
            for index in 0..<count {
                Request.flush(oldTag: NineP.Tag(rawValue: UInt16(index * 7 % 60_000)))
                    .encode(tag: NineP.Tag(rawValue: UInt16(index)), into: &frames)
            }
            try? flooding.send(bytes: frames)
        }
        for _ in 0..<100 { _ = try other.attributes(0) }
        var tags: Set<UInt16> = []
        for _ in 0..<count {
            let (tag, reply) = try flooding.receive()
            #expect(reply == .flush)
            tags.insert(tag.rawValue)
        }
        sender.join()
        #expect(tags.count == count)
    }
}
