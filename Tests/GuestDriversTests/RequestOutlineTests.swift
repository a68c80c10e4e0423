import NineP
import Testing

@testable import GuestDrivers

@Suite struct RequestOutlineTests {
    @Test("the room for a reply follows from the request")
    func replyRoom() throws {
        func room(_ request: Request) throws -> UInt64 {
            let frame = request.encoded(tag: NineP.Tag(rawValue: 1))
            return try RequestOutline(untrusted: frame[...], maximumMessageSize: .max).replyByteCount
        }
        #expect(try room(.read(fid: .none, offset: 0, count: 65536)) == 65536 + 24)
        #expect(try room(.readdir(fid: .none, offset: 0, count: .max)) == UInt64(UInt32.max) + 24)
        #expect(try room(.read(fid: .none, offset: 0, count: 0)) == 512)
        #expect(try room(.readlink(fid: .none)) == 7 + 2 + 65535)
        #expect(try room(.clunk(fid: .none)) >= 160)
    }

    @Test("a request that ends before its fields is passed on, for the server to refuse")
    func shortRead() throws {
        let outline = try RequestOutline(
            untrusted: [10, 0, 0, 0, 116, 1, 0, 0, 0, 0], maximumMessageSize: 8192)
        #expect(outline.kind == .ordinary && outline.replyByteCount == 512)
        let flush = try RequestOutline(untrusted: [8, 0, 0, 0, 108, 1, 0, 0, 5, 5], maximumMessageSize: 8192)
        #expect(flush.kind == .ordinary, "the tag is not the next frame's first bytes")
    }

    @Test("msize and the flushed tag are found")
    func fields() throws {
        let version = Request.version(maximumMessageSize: 70000, version: Protocol9P.version).encoded(
            tag: NineP.Tag.none)
        #expect(try RequestOutline(untrusted: version[...], maximumMessageSize: 8192).kind == .version(70000))
        let flush = Request.flush(oldTag: NineP.Tag(rawValue: 0x1234)).encoded(tag: NineP.Tag(rawValue: 1))
        #expect(
            try RequestOutline(untrusted: flush[...], maximumMessageSize: 8192).kind
                == .flush(NineP.Tag(rawValue: 0x1234)))
    }
}
