import LinuxSystem
import NineP
import SharedMemory
import SystemPackage

/// The one client of a 9p driver: bytes of its that are no whole request yet, and replies it has not taken yet.
final class NinePClientConnection {
    /// A request whose rest is read straight into the window.
    struct PartialRequest {
        let outline: RequestOutline
        let request: PeerRange
        let reply: PeerRange
        /// The first bytes, private.
        let prefix: [UInt8]
        var filled: Int

        var missing: Int { Int(request.byteCount) - filled }
    }

    enum Standing {
        /// What it sends is passed on.
        case session
        /// A session is kept: its first frame says whether it is this one's.
        case candidate
        /// It sends again what was not answered.
        case resuming
    }

    /// Small requests come in one read; of a large one this much is copied, and the rest is not.
    static let stagingByteCount = 8192

    let socket: Socket
    /// Private bytes: `staged[start..<end]` are read and not yet used.
    var staged = [UInt8](repeating: 0, count: NinePClientConnection.stagingByteCount)
    var start = 0
    var end = 0
    var partial: PartialRequest?
    /// A frame that is being compared with one in flight.
    var joining: JoiningRequest?
    var outgoing: [UndeliveredReply] = []
    var standing = Standing.session
    /// It has agreed on a version.
    var hasSession = false
    let peer: WatchedProcess?
    /// What the session agreed on; before that, the most it can.
    var messageSize: UInt32
    var interest: PollEvents = []
    /// A request found no room: what is readable now has to wait for replies.
    var isStalled = false

    init(_ socket: consuming Socket, messageSize: UInt32) {
        peer = socket.peerProcess()
        self.socket = socket
        self.messageSize = messageSize
    }

    /// As it is written down, for a session that is to outlive this process.
    var identity: RequestLog.Client? {
        guard let peer, let startTime = peer.startTime else { return nil }
        return RequestLog.Client(process: peer.identifier, startTime: startTime, messageSize: messageSize)
    }

    var stagedCount: Int { end - start }

    /// Reads more bytes behind those that are staged.
    func stage() throws(Errno) -> StreamProgress {
        if start > 0 {
            staged.replaceSubrange(0..<end - start, with: staged[start..<end])
            end -= start
            start = 0
        }
        guard end < staged.count else { return .moved(0) }
        let progress = try socket.read(into: &staged, from: end)
        if case .moved(let count) = progress { end += count }
        return progress
    }

    /// The first reply has gone so much further.
    ///
    /// - Returns: the reply when all of it is gone; then it is not outgoing any more.
    func written(_ count: Int) -> UndeliveredReply? {
        outgoing[0].sent += count
        guard outgoing[0].sent == outgoing[0].byteCount else { return nil }
        return outgoing.removeFirst()
    }

    /// Hands out staged bytes.
    func take(_ byteCount: Int) -> ArraySlice<UInt8> {
        defer { start += byteCount }
        return staged[start..<start + byteCount]
    }
}
