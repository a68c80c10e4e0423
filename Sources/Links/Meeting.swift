import LinuxSystem
import SharedMemory

/// One side's way to a peer over a unix socket. Used by its link's thread; nothing blocks.
///
/// ```
///   guest                              host
///     | ------------ HELLO -----------> |  windows and doorbells checked, ranges assigned
///     | <-- WELCOME, or a refusal ----- |
///     | ------------ READY -----------> |  both are up
/// ```
protocol Meeting: AnyObject {
    var pollDescriptor: CInt { get }
    var nextDeadline: ContinuousClock.Instant? { get }

    /// - Parameter isBusy: a peer is here already.
    func service(isBusy: Bool) throws(LinkError) -> MeetingProgress
    /// The peer that was met is gone; look for the next, and resume that meeting with it if it can.
    func peerLeft(_ earlier: ResumableMeeting?)
    /// Ends it for good.
    func close()
}

struct MeetingProgress {
    var met: MetPeer?
    /// What happened, one line each, for the log.
    var notes: [String] = []
}

/// The other side, met: all that lasts as long as it stays.
final class MetPeer {
    let socket: MeetingSocket
    /// What of it can be taken up again.
    let meeting: ResumableMeeting
    let isResumed: Bool
    var windows: MetWindows
    let header: LinkHeader
    let ownDoorbells: [EventCounter]
    let peerDoorbells: [EventCounter]

    init(
        socket: MeetingSocket, meeting: ResumableMeeting, isResumed: Bool, windows: MetWindows,
        header: LinkHeader, ownDoorbells: [EventCounter], peerDoorbells: [EventCounter]
    ) {
        self.socket = socket
        self.meeting = meeting
        self.isResumed = isResumed
        self.windows = windows
        self.header = header
        self.ownDoorbells = ownDoorbells
        self.peerDoorbells = peerDoorbells
    }
}
