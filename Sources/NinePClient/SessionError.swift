public import SystemPackage

/// How a session ended. It never comes back; its fids and locks are the server's to drop.
public enum Ending: Hashable, Sendable, CustomStringConvertible {
    /// We closed it.
    case closed
    /// The server hung up.
    case hungUp
    /// It said nothing for so long, and did not answer when it was asked for a sign of life.
    case silent(Duration)
    /// The server knows nothing of the session any more (`EPROTO`): it was started anew.
    case forgotten
    /// The server broke the protocol.
    case violation(String)
    /// It lost its connection and will not have another: what the server did, and why, as "hung up, and …".
    case gone(String)
    /// The connection failed, or a frame stalled (`ETIMEDOUT`).
    case system(Errno)

    public var description: String {
        switch self {
        case .closed: "closed on this side"
        case .hungUp: "the server hung up"
        case .silent(let time): "the server has said nothing for \(time), though it was asked"
        case .forgotten: "the server was started anew and has forgotten the session; mount again"
        case .gone(let reason): "the server \(reason)"
        case .violation(let what): "the server broke the protocol: \(what)"
        case .system(.timedOut): "the server stopped in the middle of a message"
        case .system(let errno): "the connection failed: \(errno)"
        }
    }
}

extension Ending {
    /// Of a connection, after which a session may go on over another.
    var mayBeResumed: Bool {
        switch self {
        case .hungUp, .silent, .forgotten: true
        case .closed, .violation, .gone, .system: false
        }
    }
}

extension Errno {
    /// What an `Rlerror` says; `EIO` for a number that is no errno.
    init(untrusted code: UInt32) {
        self = (1...4095).contains(code) ? Errno(rawValue: CInt(code)) : .ioError
    }
}

/// Why a call has no reply.
public enum SessionError: Error, Hashable, Sendable {
    /// The server's answer (`Rlerror`).
    case refused(Errno)
    /// Given up through its `Interruption`; the server was told (`Tflush`) and agreed.
    case interrupted
    /// Given up after its limit; the server was told and agreed.
    case timedOut
    /// The server has forgotten the session and a new one was begun: the fids of the old one lead nowhere. Whether a request
    /// that was sent was carried out nobody knows; one that was not sent was not.
    case renewed(wasSent: Bool)
    /// The session is over; nobody knows whether the request was carried out.
    case ended(Ending)

    /// What a program that asked for it is told.
    public var errno: Errno {
        switch self {
        case .refused(let errno): errno
        case .interrupted: .interrupted
        case .timedOut: .timedOut
        case .renewed, .ended: .ioError
        }
    }
}
