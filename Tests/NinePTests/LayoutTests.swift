import NineP
import Testing

/// Frames written out by hand from the protocol's tables, so that an error made twice (encoding and decoding) shows.
@Suite struct LayoutTests {
    @Test("Tversion, as every session begins")
    func version() throws {
        let frame: [UInt8] =
            [21, 0, 0, 0, 100, 0xFF, 0xFF, 0, 0, 0x10, 0, 8, 0] + Array("9P2000.L".utf8)
        #expect(
            Request.version(maximumMessageSize: 1 << 20, version: "9P2000.L").encoded(tag: .none) == frame)
    }

    @Test("Twalk: fid, newfid, nwname, names")
    func walk() {
        let frame: [UInt8] =
            [22, 0, 0, 0, 110, 1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 1, 0, 3, 0] + Array("usr".utf8)
        let request = Request.walk(fid: Fid(rawValue: 2), newFid: Fid(rawValue: 3), names: ["usr"])
        #expect(request.encoded(tag: Tag(rawValue: 1)) == frame)
    }

    @Test("Tlock: fid, type, flags, start, length, proc_id, client_id")
    func lock() {
        let frame: [UInt8] =
            [39, 0, 0, 0, 52, 1, 0, 2, 0, 0, 0, 1, 1, 0, 0, 0] + [5, 0, 0, 0, 0, 0, 0, 0]
            + [6, 0, 0, 0, 0, 0, 0, 0] + [7, 0, 0, 0] + [1, 0, 0x61]
        let lock = FileLock(kind: .write, start: 5, length: 6, processID: 7, clientID: "a")
        let request = Request.lock(fid: Fid(rawValue: 2), lock: lock, flags: .block)
        #expect(request.encoded(tag: Tag(rawValue: 1)) == frame)
    }

    @Test("Trename names the file first, Tlink the directory")
    func twoFids() {
        let (first, second) = (Fid(rawValue: 1), Fid(rawValue: 2))
        let body: [UInt8] = [1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0x61]
        let rename = Request.rename(fid: first, directory: second, name: "a")
        #expect(rename.encoded(tag: .none) == [18, 0, 0, 0, 20, 0xFF, 0xFF] + body)
        let link = Request.link(directory: first, fid: second, name: "a")
        #expect(link.encoded(tag: .none) == [18, 0, 0, 0, 70, 0xFF, 0xFF] + body)
    }

    @Test(
        "sizes of the fixed replies",
        arguments: [
            (Reply.getattr(Samples.attributes), 160), (.statfs(Samples.statistics), 67),
            (.lopen(qid: Samples.qid, ioUnit: 0), 24),
            (.error(code: 5), 11), (.clunk, 7), (.lock(status: .success), 8),
        ])
    func sizes(reply: Reply, byteCount: Int) {
        #expect(reply.encoded(tag: .none).count == byteCount)
    }

    @Test("Tsetattr is 67 bytes, Tgetattr 19")
    func requestSizes() {
        let fid = Fid(rawValue: 1)
        #expect(Request.setattr(fid: fid, change: Samples.change).encoded(tag: .none).count == 67)
        #expect(Request.getattr(fid: fid, mask: .basic).encoded(tag: .none).count == 19)
    }

    @Test("names show what is printable and escape the rest")
    func nameDescription() {
        #expect(Name("plain é").description == "plain é")
        #expect(Name([0x61, 0x0A, 0xFF]).description == "a\\x0a\\xff")
        #expect(Samples.notUTF8.text == nil)
    }
}
