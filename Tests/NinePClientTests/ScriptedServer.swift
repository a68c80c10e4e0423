import LinuxSystem
import NineP
import NinePClient
import SystemPackage
import TestSupport

/// The other end of a connection: takes and sends frames as a test says, well formed or not.
final class ScriptedServer: Sendable {
    private let stream: ByteStream

    init(_ stream: consuming ByteStream) { self.stream = stream }

    /// The next request's tag and content.
    func take() throws -> (tag: Tag, request: Request) {
        let header = try stream.readWhole(4, startingWith: [], within: HangGuard.limit)
        let byteCount = try FrameHeader.frameByteCount(untrusted: header[...], maximumMessageSize: 1 << 21)
        return try Request.decode(
            untrusted: try stream.readWhole(byteCount, startingWith: header[...], within: HangGuard.limit))
    }

    func send(_ reply: Reply, _ tag: Tag) throws { try sendBytes(reply.encoded(tag: tag)) }
    func sendBytes(_ bytes: [UInt8]) throws { try stream.write(bytes, within: HangGuard.limit) }
    func hangUp() { stream.shutDown() }

    /// Answers the next request, whatever its tag.
    func answer(_ reply: Reply) throws { try send(reply, try take().tag) }
}

/// Runs on its own thread; `join()` gives its outcome.
final class Background<Value: Sendable>: @unchecked Sendable {
    private var outcome: Result<Value, any Error>?
    private var thread: Thread?

    init(_ body: @escaping @Sendable () throws -> Value) throws {
        thread = try Thread("test") { self.outcome = Result { try body() } }
    }

    func join() throws -> Value {
        thread?.join()
        thread = nil
        guard let outcome else { throw Errno.noSuchProcess }
        return try outcome.get()
    }
}

/// A session that has met a scripted server.
struct Bench {
    let session: Session
    let server: ScriptedServer

    init(
        limits: Session.Limits = Session.Limits(), answer: Reply? = nil, offering size: UInt32 = 8192,
        isResumable: Bool = false
    ) throws {
        let (server, near) = try Bench.connect()
        self.server = server
        let answering = try Background {
            try server.answer(answer ?? .version(maximumMessageSize: 8192, version: "9P2000.L"))
        }
        let outcome = Result {
            let stream = ByteStream(owning: OwnedDescriptor(owning: near))
            return try Session(
                over: stream, maximumMessageSize: size, limits: limits, isResumable: isResumable)
        }
        try answering.join()
        session = try outcome.get()
    }

    static func connect() throws -> (ScriptedServer, CInt) {
        let pair = try ByteStream.pair()
        let near = try OwnedDescriptor(owning: pair.near.rawDescriptor).duplicateAndForget()
        let far = try OwnedDescriptor(owning: pair.far.rawDescriptor).duplicateAndForget()
        return (ScriptedServer(ByteStream(owning: OwnedDescriptor(owning: far))), near)
    }
}

extension OwnedDescriptor {
    /// A second descriptor; the first one stays its owner's.
    fileprivate consuming func duplicateAndForget() throws -> CInt {
        let copy = try duplicate().release()
        _ = release()
        return copy
    }
}
