import NineP
import Testing

@Suite struct MalformedFrameTests {
    static let tag = Tag(rawValue: 0x0102)

    static func resized(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        var frame = Array(bytes)
        let size = UInt32(frame.count)
        for index in 0..<4 { frame[index] = UInt8(truncatingIfNeeded: size >> (8 * UInt32(index))) }
        return frame
    }

    /// An fsync cut at its datasync is the older form, not a truncation.
    static func isOlderForm(_ request: Request, _ byteCount: Int) -> Bool {
        request.type == .fsync && byteCount == 11
    }

    @Test("a request cut at any byte is refused", arguments: Samples.requests)
    func truncatedRequest(request: Request) {
        let frame = request.encoded(tag: Self.tag)
        for byteCount in 0..<frame.count {
            #expect(throws: FrameError.self) { try Request.decode(untrusted: frame[..<byteCount]) }
            guard byteCount >= 7, !Self.isOlderForm(request, byteCount) else { continue }
            // The size agrees with what is there, the fields do not: the answer can still name the tag.
            let error = #expect(throws: FrameError.self) {
                try Request.decode(untrusted: Self.resized(frame[..<byteCount]))
            }
            #expect(error?.tag == Self.tag)
            #expect(error?.errorCode == 22)
        }
    }

    @Test("a reply cut at any byte is refused", arguments: Samples.replies)
    func truncatedReply(reply: Reply) {
        let frame = reply.encoded(tag: Self.tag)
        for byteCount in 0..<frame.count {
            #expect(throws: FrameError.self) { try Reply.decode(untrusted: frame[..<byteCount]) }
            guard byteCount >= 7 else { continue }
            #expect(throws: FrameError.self) {
                try Reply.decode(untrusted: Self.resized(frame[..<byteCount]))
            }
        }
    }

    @Test("one byte after the last field is refused", arguments: Samples.requests)
    func trailingByteInRequest(request: Request) {
        let frame = request.encoded(tag: Self.tag)
        #expect(throws: FrameError(.trailingBytes(1), at: frame.count, tag: Self.tag)) {
            try Request.decode(untrusted: Self.resized(frame + [0]))
        }
    }

    @Test("one byte after a reply's last field is refused", arguments: Samples.replies)
    func trailingByteInReply(reply: Reply) {
        let frame = reply.encoded(tag: Self.tag)
        #expect(throws: FrameError(.trailingBytes(1), at: frame.count, tag: Self.tag)) {
            try Reply.decode(untrusted: Self.resized(frame + [0]))
        }
    }

    @Test("a size below 7, above the session's, or not the frame's own is refused")
    func sizes() {
        var frame = Request.clunk(fid: Fid(rawValue: 1)).encoded(tag: Self.tag)
        for size: UInt8 in 0..<7 {
            frame[0] = size
            #expect(throws: FrameError(.sizeTooSmall(UInt32(size)), at: 0)) {
                try Request.decode(untrusted: frame)
            }
        }
        frame[0] = 12
        #expect(throws: FrameError(.sizeMismatch(stated: 12, actual: 11), at: 0, tag: Self.tag)) {
            try Request.decode(untrusted: frame)
        }
        #expect(throws: FrameError(.sizeTooLarge(12, maximum: 11), at: 0)) {
            try FrameHeader.frameByteCount(untrusted: frame[...], maximumMessageSize: 11)
        }
        #expect(throws: FrameError(.sizeTooLarge(12, maximum: 11), at: 0)) {
            try FrameHeader(untrusted: frame[...], maximumMessageSize: 11)
        }
        #expect(throws: FrameError(.shorterThanHeader, at: 6)) { try FrameHeader(untrusted: frame[..<6]) }
    }

    @Test("a walk of more than 16 names is refused, whatever follows", arguments: [UInt16(17), 65_535])
    func tooManyNames(count: UInt16) {
        var frame = Request.walk(fid: Fid(rawValue: 1), newFid: Fid(rawValue: 2), names: []).encoded(
            tag: Self.tag)
        (frame[15], frame[16]) = (UInt8(truncatingIfNeeded: count), UInt8(count >> 8))
        #expect(throws: FrameError(.tooManyNames(count), at: 15, tag: Self.tag)) {
            try Request.decode(untrusted: Self.resized(frame + Array(repeating: 0, count: 200_000)))
        }
    }

    @Test("a string or payload that says it reaches beyond the frame is refused")
    func lengthsBeyondFrame() {
        var mkdir = Request.mkdir(directory: Fid(rawValue: 1), name: "abc", mode: 0, group: 0).encoded(
            tag: Self.tag)
        (mkdir[11], mkdir[12]) = (0xFF, 0xFF)
        #expect(throws: FrameError(.truncated(needed: 65_535, available: 11), at: 13, tag: Self.tag)) {
            try Request.decode(untrusted: mkdir)
        }
        var write = Request.write(fid: Fid(rawValue: 1), offset: 0, data: [1, 2]).encoded(tag: Self.tag)
        for index in 19..<23 { write[index] = 0xFF }
        #expect(throws: FrameError(.truncated(needed: 0xFFFF_FFFF, available: 2), at: 23, tag: Self.tag)) {
            try Request.decode(untrusted: write)
        }
    }

    @Test("replies are no requests, and what does not exist is named; both carry the tag for an Rlerror")
    func unknownTypes() {
        for type in UInt8.min...UInt8.max where RequestType(rawValue: type) == nil {
            let frame: [UInt8] = [7, 0, 0, 0, type, 2, 1]
            let error = #expect(throws: FrameError.self) { try Request.decode(untrusted: frame) }
            let isReply = type == 7 || RequestType.allCases.contains { $0.replyNumber == type }
            #expect(error?.reason == (isReply ? .replyAsRequest(type: type) : .unknownRequest(type: type)))
            #expect(error?.tag == Self.tag)
            #expect(error?.errorCode == 95)
            if !isReply {
                #expect(throws: FrameError(.unknownReply(type: type), at: 4, tag: Self.tag)) {
                    try Reply.decode(untrusted: frame)
                }
            }
        }
    }

    @Test("random bytes never decode to more than they hold")
    func randomBytes() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let byteCount = Int.random(in: 7...80, using: &generator)
            var frame = Self.resized(
                (0..<byteCount).map { _ in UInt8.random(in: 0...255, using: &generator) })
            frame[4] = UInt8.random(in: 6...124, using: &generator)
            if let request = try? Request.decode(untrusted: frame) {
                #expect(request.request.type == .fsync || request.request.encoded(tag: request.tag) == frame)
            }
            if let reply = try? Reply.decode(untrusted: frame) {
                #expect(reply.reply.encoded(tag: reply.tag) == frame)
            }
        }
    }
}
