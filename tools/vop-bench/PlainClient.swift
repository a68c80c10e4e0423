import LinuxSystem
import NineP
import SystemPackage

/// A 9P2000.L client with nothing to it: one request, one reply, over a unix socket.
final class PlainClient {
    private let stream: ByteStream
    private var buffer = [UInt8](repeating: 0, count: 1 << 21)
    private var frame: [UInt8] = []
    let messageSize: UInt32
    private var lastFid: UInt32 = 1

    static let root = Fid(rawValue: 0)

    init(_ socket: String, tree: String, messageSize offered: UInt32) throws {
        let connection = try ByteStream.connected(to: socket)
        messageSize = try Self.meet(connection, offered)
        stream = connection
        _ = try call(
            .attach(fid: Self.root, authFid: .none, user: Name("root"), tree: Name(tree), userNumber: 0))
    }

    private static func meet(_ stream: borrowing ByteStream, _ offered: UInt32) throws -> UInt32 {
        let version = Request.version(maximumMessageSize: offered, version: Protocol9P.version)
        try stream.write(version.encoded(tag: .none), within: .seconds(10))
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = try receive(stream, &buffer)
        guard case .version(let agreed, _) = try Reply.decode(untrusted: Array(buffer.prefix(count))).reply
        else {
            throw BenchFailure("no Rversion")
        }
        return agreed
    }

    /// Sends a request, waits for its reply, and sees to it that it is none of error.
    ///
    /// - Returns: the reply's length.
    @discardableResult
    func call(_ request: Request) throws -> Int {
        frame.removeAll(keepingCapacity: true)
        request.encode(tag: Tag(rawValue: 1), into: &frame)
        return try exchange(request.type)
    }

    func write(_ payload: [UInt8], to fid: Fid, at offset: UInt64) throws {
        frame.removeAll(keepingCapacity: true)
        Request.encodeWriteHeader(
            tag: Tag(rawValue: 1), fid: fid, offset: offset, byteCount: payload.count, into: &frame)
        // SAFETY: the bytes of an array of bytes, none of them padding, borrowed for the call.
        try unsafe stream.write(frame, payload.span.bytes, within: nil)
        guard try Self.receive(stream, &buffer) == 11 else { throw BenchFailure("a write was refused") }
    }

    private func exchange(_ type: RequestType) throws -> Int {
        try stream.write(frame, within: nil)
        let count = try Self.receive(stream, &buffer)
        guard buffer[4] == type.rawValue + 1 else {
            throw BenchFailure("\(type) was answered by message \(buffer[4]), \(buffer[7...].prefix(4))")
        }
        return count
    }

    /// Sends reads of `blocks` all at once and takes their replies as they come.
    func readMany(_ fid: Fid, _ offsets: [UInt64], count: UInt32) throws {
        frame.removeAll(keepingCapacity: true)
        for (index, offset) in offsets.enumerated() {
            Request.read(fid: fid, offset: offset, count: count).encode(
                tag: Tag(rawValue: UInt16(index + 1)), into: &frame)
        }
        try stream.write(frame, within: nil)
        let whole = offsets.count * (11 + Int(count))
        var filled = 0
        while filled < whole {
            let got = try stream.read(into: &buffer, from: filled, within: nil)
            guard got > 0 else { throw BenchFailure("the server hung up") }
            filled += got
        }
    }

    private static func receive(_ stream: borrowing ByteStream, _ buffer: inout [UInt8]) throws -> Int {
        var (filled, whole) = (0, 4)
        while filled < whole {
            let got = try stream.read(into: &buffer, from: filled, within: nil)
            guard got > 0 else { throw BenchFailure("the server hung up") }
            filled += got
            guard filled >= 4 else { continue }
            whole = Int(buffer[0]) | Int(buffer[1]) << 8 | Int(buffer[2]) << 16 | Int(buffer[3]) << 24
        }
        return filled
    }

    // MARK: What programs do

    func walk(_ names: [String]) throws -> Fid {
        lastFid += 1
        let fid = Fid(rawValue: lastFid)
        try call(.walk(fid: Self.root, newFid: fid, names: names.map { Name($0) }))
        return fid
    }

    func open(_ name: String, _ flags: OpenFlags) throws -> Fid {
        let fid = try walk(name.isEmpty ? [] : [name])
        try call(.lopen(fid: fid, flags: flags))
        return fid
    }

    func clunk(_ fid: Fid) throws {
        try call(.clunk(fid: fid))
        lastFid = fid.rawValue - 1
    }

    /// How many entries the export's root has, by reading all of it.
    func list() throws -> Int {
        let fid = try open("", [])
        var (cookie, entries): (UInt64, Int) = (0, 0)
        while true {
            let count = try call(.readdir(fid: fid, offset: cookie, count: messageSize - 24))
            guard count > 11 else { break }
            // qid 13, offset 8, type 1, name 2 + n
            var position = 11
            while position + 24 <= count {
                cookie = 0
                for byte in 0..<8 { cookie |= UInt64(buffer[position + 13 + byte]) << UInt64(8 * byte) }
                position += 24 + Int(buffer[position + 22]) + Int(buffer[position + 23]) << 8
                entries += 1
            }
        }
        try clunk(fid)
        return entries
    }
}
