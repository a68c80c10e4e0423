import Glibc
import LinuxSystem
import NineP
import NinePServer
import SystemPackage
import Testing

/// What an open file and its fids live through.
@Suite("the life of files and fids")
struct FileLifeTests {
    let bench: ServerBench
    let client: RawClient

    init() throws {
        bench = try ServerBench()
        client = try bench.attached()
        try bench.tree.write("hello", to: "file")
    }

    @Test("4.3 (8): everything but a walk by name works on an unlinked open file")
    func unlinkedFile() throws {
        try client.open("file", as: 1, .readWrite)
        try client.must(.unlink(0, "file"))
        try client.write(1, "J")
        #expect(try client.read(1) == "Jello")
        #expect(try client.attributes(1).linkCount == 0)
        try client.must(.setattr(1) { ($0.valid, $0.size) = (.size, 2) })
        try client.must(.fsync(fid: 1, dataOnly: false))
        try client.must(.statfs(fid: 1))
        try client.walk(1, to: 2)
        try client.open(2)
        #expect(try client.read(2) == "Je")
        try client.walk(1, to: 3)
        try client.must(.xattrcreate(fid: 3, name: "user.x", size: 1, flags: []))
        try client.write(3, "x")
        try client.clunk(3)
        try client.refuses(.walk(0, to: 4, ["file"]), with: .noSuchFileOrDirectory)
        try client.refuses(.remove(fid: 2), with: .noSuchFileOrDirectory)
    }

    @Test("4.2: a clone opened for writing writes even after the file became read-only")
    func writeback() throws {
        try client.open("file", as: 1, .readWrite)
        try client.must(.setattr(1) { ($0.valid, $0.mode) = (.mode, 0o400) })
        try client.write(1, "J")
        try client.must(.setattr(1) { ($0.valid, $0.size) = (.size, 3) })
        #expect(try bench.tree.read("file") == "Jel")
    }

    @Test("4.3 (12): what is appended goes to the end, whatever offset it says")
    func append() throws {
        try client.open("file", as: 1, [.writeOnly, .append])
        try client.write(1, "!", at: 0)
        #expect(try bench.tree.read("file") == "hello!")
    }

    @Test("4.3 (7): a path is one inode's, a version changes with the content and is never zero")
    func qids() throws {
        try client.open("file", as: 1, .readWrite)
        var versions: Set<UInt32> = []
        for round in 0..<100 {
            try client.write(1, "\(round % 10)")
            versions.insert(try client.attributes(1).qid.version)
        }
        #expect(versions.count == 100 && !versions.contains(0))
        let before = try client.attributes(1).qid.version
        #expect(try client.attributes(1).qid.version == before)
        try bench.tree.write("changed by somebody else", to: "file")
        #expect(try client.attributes(1).qid.version != before)
        try client.must(.link(directory: 0, fid: 1, name: "second"))
        #expect(try client.walk(0, to: 2, "second").first?.path == (try client.attributes(1).qid.path))
    }

    @Test("4.3 (11): entries removed while a directory is read lose none of the others, and cookies last")
    func readdirWhileUnlinking() throws {
        let names = (0..<300).map { "entry-\($0)" }
        for name in names { try bench.tree.write("", to: name) }
        try client.walk(0, to: 1)
        try client.open(1)
        var seen: [String] = []
        var offset: UInt64 = 0
        while true {
            guard case .readdir(let payload) = try client.must(.readdir(fid: 1, offset: offset, count: 1000)),
                let entries = try? DirectoryEntry.decode(untrusted: payload), let last = entries.last
            else { break }
            offset = last.nextOffset
            for entry in entries where entry.name.description.hasPrefix("entry") {
                seen.append(entry.name.description)
                try client.must(.unlink(0, entry.name.description))
            }
            // The cookie of one open directory is good in another.
            try client.clunk(1)
            try client.walk(0, to: 1)
            try client.open(1)
        }
        #expect(Set(seen) == Set(names) && seen.count == names.count)
    }

    @Test(
        "4.3 (15): odd sizes of messages carry a file whole",
        arguments: [4096, 4097, 8191, 65535, 1 << 20] as [UInt32])
    func messageSizes(size: UInt32) throws {
        let client = try bench.attached(messageSize: size)
        let count = 300_000
        let content = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
        try client.walk(0, to: 1)
        try client.must(.lcreate(1, "large-\(size)"))
        let step = Int(size) - Protocol9P.writeRequestHeaderByteCount
        for start in stride(from: 0, to: count, by: step) {
            let part = content[start..<min(count, start + step)]
            #expect(
                try client.call(.write(fid: 1, offset: UInt64(start), data: part))
                    == .write(count: UInt32(part.count)))
        }
        var back: [UInt8] = []
        while true {
            let reply = try client.must(.read(fid: 1, offset: UInt64(back.count), count: .max))
            guard case .read(let data) = reply, !data.isEmpty else { break }
            #expect(data.count <= Int(size) - 11)
            back += data
        }
        #expect(back == content)
    }

    @Test("4.5 (13): a fid clunked amidst its reads leaves each of them whole or refused")
    func clunkAmidstReads() throws {
        let block = String(repeating: "x", count: 60_000)
        try bench.tree.write(block, to: "large")
        for _ in 0..<50 {
            try client.open("large", as: 1)
            var frames: [UInt8] = []
            for tag in 1...20 as ClosedRange<UInt16> {
                let request: Request = tag == 10 ? .clunk(fid: 1) : .read(fid: 1, offset: 0, count: 60_000)
                request.encode(tag: NineP.Tag(rawValue: tag), into: &frames)
            }
            try client.send(bytes: frames)
            for _ in 1...20 {
                switch try client.receive().reply {
                case .read(let data): #expect(data.count == 60_000)
                case .error(let code): #expect(CInt(code) == Errno.badFileDescriptor.rawValue)
                case let other: #expect(other == .clunk)
                }
            }
        }
    }

    @Test("4.5 (12): a fid is used only as what it is")
    func misusedFids() throws {
        try client.open("file", as: 1, .readWrite)
        try client.refuses(.walk(1, to: 1, [".."]), with: .badFileDescriptor)
        try client.refuses(.xattrcreate(fid: 1, name: "user.x", size: 1, flags: []), with: .badFileDescriptor)
        try client.must(.xattrwalk(fid: 1, newFid: 2, name: ""))
        try client.refuses(.getattr(fid: 2, mask: .basic), with: .badFileDescriptor)
        try client.refuses(.walk(2, to: 3, []), with: .badFileDescriptor)
        try client.refuses(.write(fid: 2, offset: 0, data: [1]), with: .badFileDescriptor)
        try client.refuses(.xattrwalk(fid: 1, newFid: 2, name: ""), with: .badFileDescriptor)
        try client.refuses(.lock(2, .read, 0, 0), with: .badFileDescriptor)
        let none = Request.attach(fid: .none, authFid: .none, user: "", tree: "", userNumber: getuid())
        try client.refuses(none, with: .badFileDescriptor)
    }

    @Test("4.5 (16): a walk of a fid onto itself replaces it on full success only")
    func walkOntoItself() throws {
        try bench.tree.makeDirectory("a")
        try client.walk(0, to: 1)
        #expect(try client.call(.walk(1, to: 1, ["a", "missing"])) != .walk(qids: []))
        #expect(try client.attributes(1).qid.path == client.attributes(0).qid.path)
        try client.walk(1, to: 1, "a")
        try client.refuses(.walk(1, to: 2, ["file"]), with: .noSuchFileOrDirectory)
    }

    @Test("4.5 (17): too many fids are refused to the one client, and others go on")
    func fidExhaustion() throws {
        var options = ServerOptions()
        options.fidsPerClient = 100
        let bench = try ServerBench(options: options)
        let (greedy, modest) = (try bench.attached(), try bench.attached())
        for fid in 1..<100 as Range<UInt32> { try greedy.walk(0, to: fid) }
        try greedy.refuses(.walk(0, to: 100, []), with: .tooManyOpenFiles)
        try modest.walk(0, to: 1)
        try greedy.clunk(5)
        try greedy.walk(0, to: 100)
    }
}
