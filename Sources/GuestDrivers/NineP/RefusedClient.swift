import LinuxSystem
import NineP
import SystemPackage

/// A client that came while another is here: it is told so in answer to its first request, and hung up on.
final class RefusedClient {
    let token: UInt64
    let deadline: ContinuousClock.Instant
    let socket: Socket
    private var bytes = [UInt8](repeating: 0, count: 8192)
    private var count = 0

    /// EBUSY
    private static let busy: UInt32 = 16

    init(_ socket: consuming Socket, token: UInt64, deadline: ContinuousClock.Instant) {
        self.socket = socket
        self.token = token
        self.deadline = deadline
    }

    /// - Returns: whether it can be hung up on.
    func isDone() -> Bool {
        do throws(Errno) {
            guard count < bytes.count else { return true }
            switch try socket.read(into: &bytes, from: count) {
            case .wouldBlock: return false
            case .ended: return true
            case .moved(let more): count += more
            }
            guard count >= FrameHeader.byteCount else { return false }
            try answer()
            return true
        } catch { return true }
    }

    private func answer() throws(Errno) {
        let tag = Tag(rawValue: UInt16(bytes[5]) | UInt16(bytes[6]) << 8)
        _ = try socket.write(Reply.error(code: Self.busy).encoded(tag: tag)[...])
    }
}
