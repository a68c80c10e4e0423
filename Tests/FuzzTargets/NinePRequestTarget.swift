import Glibc
import Logging
import NineP
import NinePServer
import Synchronization
import SystemPackage

extension FuzzTarget {
    /// A client's frames: decoded, encoded again, and given to a server of a real directory.
    ///
    /// Input: frames without their size fields, each behind a length of two bytes. A version and an attach go before.
    static let ninepRequest = FuzzTarget(name: "9p-request") { bytes in
        let server = FuzzServer.shared
        let sink = CountingSink()
        let session = NinePSession(
            of: server.server, to: sink, label: "fuzz", counts: server.server.counts(of: "fuzz"),
            trust: .anyUser)
        submit(.version(maximumMessageSize: 65536, version: Protocol9P.version), .none, to: session, sink)
        submit(
            .attach(fid: Fid(rawValue: 0), authFid: .none, user: "", tree: "", userNumber: 0),
            Tag(rawValue: 0), to: session,
            sink)
        var input = FuzzInput(bytes)
        var count = 0
        while !input.isEmpty, count < 64 {
            let body = input.block()
            let frame = frame(of: body)
            checkCodec(frame)
            sink.expect()
            session.submit(frame)
            count += 1
        }
        require(sink.waitUntilAnswered(), "every request is answered, withdrawn, or costs the connection")
        session.end()
        server.checkOutside()
    }

    private static func submit(_ request: Request, _ tag: Tag, to session: NinePSession, _ sink: CountingSink)
    {
        sink.expect()
        session.submit(request.encoded(tag: tag))
        require(sink.waitUntilAnswered(), "a session begins")
    }

    /// A frame whose size field is right: what the carrier checks before a session sees it.
    private static func frame(of body: [UInt8]) -> [UInt8] {
        let byteCount = UInt32(body.count + 4)
        return (0..<4).map { UInt8(truncatingIfNeeded: byteCount >> (8 * $0)) } + body
    }

    /// What decodes is the same when encoded and decoded again.
    private static func checkCodec(_ frame: [UInt8]) {
        guard let decoded = try? Request.decode(untrusted: frame) else { return }
        let again = try? Request.decode(untrusted: decoded.request.encoded(tag: decoded.tag))
        require(
            again?.request == decoded.request && again?.tag == decoded.tag, "\(decoded.request) round-trips")
    }
}

/// One server for all runs, on a directory beside which lies a file nobody may reach.
private final class FuzzServer: Sendable {
    static let shared = FuzzServer()
    let server: NinePServer
    private let secret: String
    private static let content = "outside"

    private init() {
        let top = FilePath(ScratchDirectory.make("9p"))
        let tree = top.appending("tree")
        secret = top.appending("secret").string
        var logger = Logger(label: "fuzz")
        logger.logLevel = .critical
        _ = unsafe mkdir(tree.string, 0o755)
        do {
            let file = try FileDescriptor.open(
                FilePath(secret), .writeOnly, options: [.create, .truncate], permissions: .ownerReadWrite)
            _ = try file.closeAfter { try file.writeAll(Self.content.utf8) }
            server = try NinePServer(
                exports: [Export(name: "tree", path: tree.string)], accounts: Accounts(),
                options: ServerOptions(),
                logger: logger)
        } catch { fatalError("no server to try: \(error)") }
    }

    /// The export is all a client can change.
    func checkOutside() {
        guard let file = try? FileDescriptor.open(FilePath(secret), .readOnly) else {
            fatalError("does not hold: what lies beside the export stays")
        }
        var bytes = [UInt8](repeating: 0, count: 16)
        let count =
            (try? file.closeAfter {
                try unsafe bytes.withUnsafeMutableBytes { try unsafe file.read(into: $0) }
            }) ?? 0
        require(bytes[..<count].elementsEqual(Self.content.utf8), "what lies beside the export is as it was")
    }
}

/// Counts what is still unanswered.
private final class CountingSink: ReplySink {
    private let state = Mutex((waiting: 0, isDropped: false))

    func expect() { state.withLock { $0.waiting += 1 } }
    func send(_ frame: [UInt8], for token: UInt64) {
        require((try? Reply.decode(untrusted: frame)) != nil, "a server's own reply can be read")
        state.withLock { $0.waiting -= 1 }
    }
    func withdraw(_ token: UInt64) { state.withLock { $0.waiting -= 1 } }
    func drop(because reason: String) { state.withLock { $0.isDropped = true } }

    /// - Returns: false when something is still open after twenty seconds.
    func waitUntilAnswered() -> Bool {
        let end = ContinuousClock.now.advanced(by: .seconds(20))
        while state.withLock({ $0.waiting > 0 && !$0.isDropped }) {
            guard ContinuousClock.now < end else { return false }
            sched_yield()
        }
        return true
    }
}
