internal import LinuxSystem
internal import NineP
internal import SystemPackage

extension Session {
    /// Tversion, Rversion: the message size both sides take.
    static func meet(
        _ stream: borrowing ByteStream, _ reader: inout FrameReader, _ offered: UInt32, within limit: Duration
    ) throws(SessionError) -> UInt32 {
        let request = Request.version(maximumMessageSize: offered, version: Protocol9P.version)
        do { try stream.write(request.encoded(tag: .none), within: limit) } catch {
            throw .ended(error == .brokenPipe ? .hungUp : .system(error))
        }
        switch reader.next(from: stream, maximumMessageSize: offered, within: limit, stall: limit) {
        case .frame(let frame):
            let size = try size(in: frame, offered)
            stream.makeSendRoom(byteCount: Int(size))
            return size
        case .nothingYet: throw .timedOut
        case .ended(let ending): throw .ended(ending)
        }
    }

    private static func size(in frame: [UInt8], _ offered: UInt32) throws(SessionError) -> UInt32 {
        let answer: (tag: Tag, reply: Reply)
        do { answer = try Reply.decode(untrusted: frame) } catch { throw .ended(.violation("\(error)")) }
        guard answer.tag == .none else {
            throw .ended(.violation("a reply to Tversion with \(answer.tag)"))
        }
        switch answer.reply {
        case .error(let code): throw .refused(Errno(untrusted: code))
        case .version(_, let version) where version != Protocol9P.version:
            throw .refused(.protocolNotSupported)
        case .version(let size, _) where size > offered || size < Protocol9P.minimumMessageSize:
            throw .ended(
                .violation("msize \(size) in answer to \(offered); 4096 to what was offered is allowed"))
        case .version(let size, _): return size
        default: throw .ended(.violation("another reply than Rversion to Tversion"))
        }
    }

    /// Connects to the unix socket at `path` and meets the server.
    ///
    /// - Throws: `.ended(.system(errno))` when nobody answers there; else as `init(over:)`.
    public convenience init(
        connectingTo path: String, maximumMessageSize: UInt32 = 1 << 20, limits: Limits = Limits(),
        isResumable: Bool = false
    ) throws(SessionError) {
        let stream: ByteStream
        do { stream = try ByteStream.connected(to: path) } catch { throw .ended(.system(error)) }
        try self.init(
            over: stream, maximumMessageSize: maximumMessageSize, limits: limits, isResumable: isResumable)
    }
}
