import NineP
import Testing

@Suite struct RoundTripTests {
    static let tag = Tag(rawValue: 0xBEEF)

    @Test("a request decodes to what was encoded", arguments: Samples.requests)
    func requestRoundTrip(request: Request) throws {
        let decoded = try Request.decode(untrusted: request.encoded(tag: Self.tag))
        #expect(decoded.tag == Self.tag)
        #expect(decoded.request == request)
    }

    @Test("a reply decodes to what was encoded", arguments: Samples.replies)
    func replyRoundTrip(reply: Reply) throws {
        let decoded = try Reply.decode(untrusted: reply.encoded(tag: Self.tag))
        #expect(decoded.tag == Self.tag)
        #expect(decoded.reply == reply)
    }

    @Test("there is a sample of every message, and a reply of each request's type")
    func everyMessage() {
        #expect(Set(Samples.requests.map(\.type)) == Set(RequestType.allCases))
        #expect(Set(Samples.replies.compactMap(\.answers)) == Set(RequestType.allCases))
        #expect(RequestType.allCases.count == 28)
    }

    @Test("the frame's size counts itself, and the type is the table's", arguments: Samples.requests)
    func header(request: Request) throws {
        let frame = request.encoded(tag: Self.tag)
        let header = try FrameHeader(untrusted: frame[...])
        #expect(header == (try FrameHeader(untrusted: frame.prefix(7))))
        #expect(Int(header.size) == frame.count)
        #expect(header.type == request.type.rawValue)
        #expect(header.tag == Self.tag)
    }

    @Test("a frame in the middle of a larger buffer decodes; its payload is a slice of that buffer")
    func sliceOfBatch() throws {
        var batch: [UInt8] = [1, 2, 3]
        let request = Request.write(fid: Fid(rawValue: 1), offset: 2, data: Samples.payload)
        request.encode(tag: Self.tag, into: &batch)
        let end = batch.count
        batch += [4, 5]
        let decoded = try Request.decode(untrusted: batch[3..<end])
        guard case .write(_, _, let data) = decoded.request else { throw Unexpected() }
        #expect(data == Samples.payload)
        #expect(data.indices == end - 5..<end)
    }

    @Test("a payload appended by the caller makes the same frame")
    func separatePayload() {
        let fid = Fid(rawValue: 8)
        var write: [UInt8] = []
        Request.encodeWriteHeader(tag: Self.tag, fid: fid, offset: 12, byteCount: 5, into: &write)
        #expect(write.count == Protocol9P.writeRequestHeaderByteCount)
        write += Samples.payload
        #expect(write == Request.write(fid: fid, offset: 12, data: Samples.payload).encoded(tag: Self.tag))
        var read: [UInt8] = []
        Reply.encodePayloadHeader(answering: .readdir, tag: Self.tag, byteCount: 5, into: &read)
        #expect(read.count == Protocol9P.readReplyHeaderByteCount)
        read += Samples.payload
        #expect(read == Reply.readdir(entries: Samples.payload).encoded(tag: Self.tag))
    }

    @Test("an fsync without datasync, as older clients send it, means false")
    func shortFsync() throws {
        let frame: [UInt8] = [11, 0, 0, 0, 50, 1, 0, 15, 0, 0, 0]
        #expect(
            try Request.decode(untrusted: frame).request == .fsync(fid: Fid(rawValue: 15), dataOnly: false))
    }

    @Test("directory entries decode to what was encoded, and none may be split")
    func directoryEntries() throws {
        let entries = [
            DirectoryEntry(qid: Samples.qid, nextOffset: 1, type: 4, name: "."),
            DirectoryEntry(qid: Samples.qid, nextOffset: .max, type: 8, name: Samples.notUTF8),
        ]
        var bytes: [UInt8] = []
        for entry in entries { entry.encode(into: &bytes) }
        #expect(bytes.count == entries.map(\.encodedByteCount).reduce(0, +))
        #expect(try DirectoryEntry.decode(untrusted: bytes[...]) == entries)
        let boundary = entries[0].encodedByteCount
        for end in 1..<bytes.count where end != boundary {
            #expect(throws: FrameError.self) { try DirectoryEntry.decode(untrusted: bytes[..<end]) }
        }
    }
}

struct Unexpected: Error {}
