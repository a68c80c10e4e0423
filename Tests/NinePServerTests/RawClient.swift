import Glibc
import LinuxSystem
public import NineP
import SystemPackage
import TestSupport
import Testing

/// A client that sends exactly the frames it is told to, and waits no longer than the hang guard for anything.
/// One thread may send while another receives.
final class RawClient: @unchecked Sendable {
    private var stream: ByteStream?
    private var buffer: [UInt8] = []

    init(over stream: consuming ByteStream) { self.stream = consume stream }
    convenience init(to path: String) throws { self.init(over: try ByteStream.connected(to: path)) }
    convenience init(to place: TCPPlace) throws {
        self.init(over: ByteStream(over: try place.connected(within: HangGuard.limit)))
    }

    func hangUp() { stream?.shutDown() }
    /// Pipes end only so.
    func close() { stream = nil }

    func send(bytes: [UInt8]) throws(Errno) { try stream?.write(bytes, within: HangGuard.limit) }
    func send(_ request: Request, tag: UInt16) throws {
        try send(bytes: request.encoded(tag: NineP.Tag(rawValue: tag)))
    }

    /// The next whole frame; `nil` when the server hung up.
    func receiveFrame() throws -> [UInt8]? {
        while true {
            if buffer.count >= 4 {
                let size = try FrameHeader.frameByteCount(untrusted: buffer[0..<4], maximumMessageSize: .max)
                if buffer.count >= size {
                    defer { buffer.removeFirst(size) }
                    return Array(buffer[..<size])
                }
            }
            guard let part = try readSome() else { return nil }
            buffer += part
        }
    }

    private func readSome() throws -> ArraySlice<UInt8>? {
        var part = [UInt8](repeating: 0, count: 1 << 16)
        do throws(Errno) {
            let count = try stream?.read(into: &part, from: 0, within: HangGuard.limit) ?? 0
            return count > 0 ? part[..<count] : nil
        } catch {
            guard error == .connectionReset else { throw error }
            return nil
        }
    }

    func receive() throws -> (tag: NineP.Tag, reply: Reply) {
        let frame = try #require(try receiveFrame(), "the server hung up")
        return try Reply.decode(untrusted: frame)
    }

    /// Whether the server has given this connection up.
    func isHungUpOn() throws -> Bool { try receiveFrame() == nil }

    func call(_ request: Request, tag: NineP.Tag = NineP.Tag(rawValue: 7)) throws -> Reply {
        try send(bytes: request.encoded(tag: tag))
        let (answered, reply) = try receive()
        #expect(answered == tag)
        return reply
    }

    /// Expects success.
    @discardableResult
    func must(_ request: Request, sourceLocation: SourceLocation = #_sourceLocation) throws -> Reply {
        let reply = try call(request)
        if case .error(let code) = reply {
            Issue.record("\(request) gave \(Errno(rawValue: CInt(code)))", sourceLocation: sourceLocation)
        }
        return reply
    }

    /// Expects that errno.
    func refuses(
        _ request: Request, with error: Errno, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let reply = try call(request)
        #expect(reply == .error(code: UInt32(error.rawValue)), "\(request)", sourceLocation: sourceLocation)
    }
}

/// Requests as tests like to say them.
extension RawClient {
    func attach(_ fid: UInt32, as user: UInt32 = getuid()) throws {
        try must(.attach(fid: Fid(rawValue: fid), authFid: .none, user: "", tree: "tree", userNumber: user))
    }

    @discardableResult
    func walk(_ fid: UInt32, to newFid: UInt32, _ names: String...) throws -> [Qid] {
        guard case .walk(let qids) = try must(.walk(fid.fid, to: newFid, names)) else { return [] }
        #expect(qids.count == names.count, "\(names)")
        return qids
    }

    @discardableResult
    func open(_ fid: UInt32, _ flags: OpenFlags = .readOnly) throws -> Qid? {
        guard case .lopen(let qid, _) = try must(.lopen(fid: fid.fid, flags: flags)) else { return nil }
        return qid
    }

    /// Walks from fid 0 and opens.
    func open(_ name: String, as fid: UInt32, _ flags: OpenFlags = .readOnly) throws {
        try walk(0, to: fid, name)
        try open(fid, flags)
    }

    func read(_ fid: UInt32, at offset: UInt64 = 0, count: UInt32 = 4096) throws -> String {
        guard case .read(let data) = try must(.read(fid: fid.fid, offset: offset, count: count)) else {
            return ""
        }
        return String(decoding: data, as: UTF8.self)
    }

    func write(_ fid: UInt32, _ text: String, at offset: UInt64 = 0) throws {
        let reply = try must(.write(fid: fid.fid, offset: offset, data: Array(text.utf8)[...]))
        #expect(reply == .write(count: UInt32(text.utf8.count)))
    }

    func attributes(_ fid: UInt32) throws -> FileAttributes {
        guard case .getattr(let attributes) = try must(.getattr(fid: fid.fid, mask: .all)) else {
            throw Errno.ioError
        }
        return attributes
    }

    func clunk(_ fid: UInt32) throws { try must(.clunk(fid: fid.fid)) }

    /// All entries of an open directory, asked for in pieces of `count` bytes.
    func entries(_ fid: UInt32, count: UInt32 = 4096) throws -> [DirectoryEntry] {
        var all: [DirectoryEntry] = []
        while true {
            let reply = try must(.readdir(fid: fid.fid, offset: all.last?.nextOffset ?? 0, count: count))
            guard case .readdir(let payload) = reply, !payload.isEmpty else { return all }
            #expect(payload.count <= Int(count))
            all += try DirectoryEntry.decode(untrusted: payload)
        }
    }
}

extension Fid: ExpressibleByIntegerLiteral {
    public init(integerLiteral number: UInt32) { self.init(rawValue: number) }
}

extension UInt32 {
    var fid: Fid { Fid(rawValue: self) }
}

extension Request {
    static func walk(_ fid: Fid, to newFid: UInt32, _ names: [String]) -> Request {
        .walk(fid: fid, newFid: newFid.fid, names: names.map { Name($0) })
    }

    static func mkdir(_ fid: UInt32, _ name: String) -> Request {
        .mkdir(directory: fid.fid, name: Name(name), mode: 0o755, group: getgid())
    }

    static func lcreate(_ fid: UInt32, _ name: String, _ flags: OpenFlags = .readWrite) -> Request {
        .lcreate(fid: fid.fid, name: Name(name), flags: flags, mode: 0o644, group: getgid())
    }

    static func symlink(_ fid: UInt32, _ name: String, to target: String) -> Request {
        .symlink(directory: fid.fid, name: Name(name), target: Name(target), group: getgid())
    }

    static func mknod(_ fid: UInt32, _ name: String, _ mode: UInt32) -> Request {
        .mknod(directory: fid.fid, name: Name(name), mode: mode, major: 1, minor: 3, group: getgid())
    }

    static func unlink(_ fid: UInt32, _ name: String, _ flags: UnlinkFlags = []) -> Request {
        .unlinkat(directory: fid.fid, name: Name(name), flags: flags)
    }

    static func setattr(_ fid: UInt32, _ change: (inout AttributeChange) -> Void) -> Request {
        var attributes = AttributeChange()
        change(&attributes)
        return .setattr(fid: fid.fid, change: attributes)
    }

    static func lock(
        _ fid: UInt32, _ kind: FileLock.Kind, _ start: UInt64, _ length: UInt64, process: UInt32 = 1,
        client: Name = "here"
    ) -> Request {
        .lock(
            fid: fid.fid,
            lock: FileLock(kind: kind, start: start, length: length, processID: process, clientID: client),
            flags: [])
    }

    static func getlock(
        _ fid: UInt32, _ kind: FileLock.Kind, _ start: UInt64, _ length: UInt64, process: UInt32 = 1,
        client: Name = "here"
    ) -> Request {
        .getlock(
            fid: fid.fid,
            lock: FileLock(kind: kind, start: start, length: length, processID: process, clientID: client))
    }
}
