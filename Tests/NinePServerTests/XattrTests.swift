import Glibc
import NineP
import NinePServer
import SystemPackage
import Testing

@Suite("extended attributes (4.5, 20)")
struct XattrTests {
    let bench: ServerBench
    let client: RawClient

    init() throws {
        bench = try ServerBench()
        client = try bench.attached()
        try bench.tree.write("hello", to: "file")
        try client.walk(0, to: 1, "file")
    }

    private func begin(_ name: Name = "user.x", size: UInt64, _ flags: XattrFlags = []) throws {
        try client.walk(1, to: 2)
        try client.must(.xattrcreate(fid: 2, name: name, size: size, flags: flags))
    }

    private func value() throws -> String? {
        guard case .xattrwalk = try client.call(.xattrwalk(fid: 1, newFid: 3, name: "user.x")) else {
            return nil
        }
        defer { try? client.clunk(3) }
        return try client.read(3)
    }

    @Test("a value that did not arrive whole is not applied, and its fid is gone")
    func shortValue() throws {
        try begin(size: 10)
        try client.write(2, "half")
        try client.refuses(.clunk(fid: 2), with: .invalidArgument)
        try client.refuses(.clunk(fid: 2), with: .badFileDescriptor)
        #expect(try value() == nil)
    }

    @Test("bytes go in without gaps and never beyond the size stated; again is allowed")
    func writes() throws {
        try begin(size: 4)
        try client.refuses(.write(fid: 2, offset: 1, data: [1]), with: .invalidArgument)
        try client.refuses(.write(fid: 2, offset: .max, data: [1]), with: .invalidArgument)
        try client.write(2, "ab")
        try client.refuses(.write(fid: 2, offset: 2, data: [1, 2, 3]), with: .noSpace)
        try client.write(2, "bcd", at: 1)
        try client.clunk(2)
        #expect(try value() == "abcd")
    }

    @Test("reads are bounded by the value, wherever they begin")
    func reads() throws {
        try begin(size: 4)
        try client.write(2, "abcd")
        try client.clunk(2)
        try client.must(.xattrwalk(fid: 1, newFid: 3, name: "user.x"))
        #expect(try client.read(3, at: 2, count: .max) == "cd")
        #expect(try client.read(3, at: 4) == "")
        #expect(try client.read(3, at: .max, count: .max) == "")
    }

    @Test("size zero removes; create and replace mean what they say")
    func flags() throws {
        try begin(size: 1, .replace)
        try client.write(2, "x")
        try client.refuses(.clunk(fid: 2), with: .noData)
        try begin(size: 1, .create)
        try client.write(2, "x")
        try client.clunk(2)
        try begin(size: 1, .create)
        try client.write(2, "y")
        try client.refuses(.clunk(fid: 2), with: .fileExists)
        try begin(size: 0)
        try client.clunk(2)
        #expect(try value() == nil)
    }

    @Test("impossible sizes, flags and names are refused at once")
    func refusals() throws {
        let request = { (name: Name, size: UInt64, flags: UInt32) in
            Request.xattrcreate(fid: 1, name: name, size: size, flags: XattrFlags(rawValue: flags))
        }
        try client.refuses(request("user.x", 65537, 0), with: .argListTooLong)
        try client.refuses(request("user.x", .max, 0), with: .argListTooLong)
        try client.refuses(request("user.x", 1, 3), with: .invalidArgument)
        try client.refuses(request("user.x", 1, 4), with: .invalidArgument)
        try client.refuses(request("", 1, 0), with: .invalidArgument)
        try client.refuses(request("user.\0x", 1, 0), with: .invalidArgument)
        let long = Name("user." + String(repeating: "x", count: 255))
        try client.refuses(request(long, 1, 0), with: .outOfRange)
        try client.refuses(.xattrwalk(fid: 1, newFid: 3, name: long), with: .outOfRange)
    }

    @Test("one client's attributes in memory are bounded")
    func memory() throws {
        var refused: UInt32?
        for fid in 10..<200 as Range<UInt32> where refused == nil {
            try client.walk(1, to: fid)
            if case .error(let code) = try client.call(
                .xattrcreate(fid: fid.fid, name: "user.x", size: 65536, flags: []))
            {
                refused = code
            }
        }
        #expect(refused == UInt32(Errno.noMemory.rawValue))
        let other = try bench.attached()
        try other.must(.xattrcreate(fid: 0, name: "user.x", size: 1, flags: []))
    }
}
