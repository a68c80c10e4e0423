internal import LinuxSystem
internal import NineP
internal import Synchronization

/// Lets one thread have another's calls given up: those it is passed to, one after the other, or several at once.
///
/// The server is told by Tflush. When its reply comes first, the call succeeds as if nothing had happened; when Rflush
/// comes first, the call fails with `.interrupted`, and a fid it would have made may or may not exist.
public final class Interruption: Sendable {
    private struct Target {
        let session: Session
        let call: PendingCall
        let serial: UInt64
    }

    private struct State {
        var isRequested = false
        var hasChanged = false
        var target: Target?
    }

    private let state = Mutex(State())

    public init() {}

    public var isRequested: Bool { state.withLock { $0.isRequested } }

    /// A request that may change something was sent with it: what it was part of cannot simply be made again.
    public var hasChanged: Bool { state.withLock { $0.hasChanged } }
    func willChange() { state.withLock { $0.hasChanged = true } }

    /// Asks for it; calls made with it later are given up at once. May wait while a request is being sent.
    public func interrupt() {
        let target = state.withLock { state in
            state.isRequested = true
            return state.target
        }
        if let target { target.session.flush(target.call, target.serial, because: .interrupted) }
    }

    func attach(_ session: Session, _ call: PendingCall, _ serial: UInt64) {
        let isRequested = state.withLock { state in
            state.target = Target(session: session, call: call, serial: serial)
            return state.isRequested
        }
        if isRequested { session.flush(call, serial, because: .interrupted) }
    }

    func detach() { state.withLock { $0.target = nil } }
}

extension Session {
    /// Asks the server to forget a call and those behind it, once. One that is being sent is flushed by its own thread,
    /// right after.
    func flush(_ first: PendingCall, _ serial: UInt64, because surrender: SessionError) {
        let (frames, connection) = table.withLock { table -> ([[UInt8]], Connection) in
            guard first.serial == serial, first.isOwned else { return ([], table.connection) }
            var frames: [[UInt8]] = []
            for call in first.group where call.expectation != nil && !call.isBeingFlushed {
                call.surrender = surrender
                if call.sentOver == 0 { call.leader.parker.unpark() }
                guard call.isSent, let flush = table.beginFlush(of: call) else { continue }
                frames.append(Request.flush(oldTag: call.tag).encoded(tag: flush.tag))
            }
            return (frames, table.connection)
        }
        for frame in frames { send(frame, over: connection) }
    }
}
