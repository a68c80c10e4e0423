import LinuxSystem
import NineP
import NinePClient
import Synchronization
import SystemPackage

/// Reaching the server: connecting, Tversion, Tattach. On a thread of its own, since a server that says nothing must not
/// keep a signal waiting.
final class ServerMeeting: Sendable {
    struct Met: Sendable {
        let place: ServerPlace
        let session: Session
        let attachment: Session.Attachment
        let root: Qid
    }

    private let outcome = Mutex<Result<Met, MountFailure>?>(nil)
    private let isOver: EventCounter

    private init() throws(Errno) { isOver = try EventCounter() }

    /// - Returns: `nil` when a signal came first; the thread is left to the end of this process then.
    static func met(_ settings: MountSettings, unless signals: SignalDescriptor) throws(MountFailure) -> Met?
    {
        let outcome: Result<Met, MountFailure>?
        do throws(Errno) {
            let meeting = try ServerMeeting()
            let thread = try Thread("meeting") { meeting.run(settings) }
            outcome = try meeting.wait(unless: signals)
            if outcome != nil { thread.join() }
        } catch { throw MountFailure(.local, "no thread to reach the server: \(error)") }
        return try outcome?.get()
    }

    private func run(_ settings: MountSettings) {
        let result = Result { () throws(MountFailure) in
            let place = try ServerPlace(settings.address)
            let session = try ServerMeeting.meet(place, settings)
            let attachment = ServerMeeting.attachment(session, settings)
            let root = try ServerMeeting.attach(session, attachment, settings)
            return Met(place: place, session: session, attachment: attachment, root: root)
        }
        outcome.withLock { $0 = result }
        isOver.signal()
    }

    private func wait(unless signals: SignalDescriptor) throws(Errno) -> Result<Met, MountFailure>? {
        let poller = try Poller()
        try poller.add(isOver.rawDescriptor, .readable, token: 0)
        try poller.add(signals.rawDescriptor, .readable, token: 1)
        while true {
            let events = try poller.wait(for: nil)
            // A signal that comes as late as the answer ends the mount a moment later.
            if let outcome = outcome.withLock({ $0 }) { return outcome }
            if events.contains(where: { $0.token == 1 }), signals.take() != nil { return nil }
        }
    }

    private static func meet(
        _ place: ServerPlace, _ settings: MountSettings
    ) throws(MountFailure) -> Session {
        var limits = Session.Limits()
        if settings.silenceLimit > .zero { limits.silence = settings.silenceLimit }
        do {
            return try Session(
                over: place.connect(within: limits.meeting),
                maximumMessageSize: settings.maximumMessageSize, limits: limits,
                isResumable: settings.reconnectLimit > .zero)
        } catch { throw MountFailure(meeting: error, at: settings.socket) }
    }

    private static func attachment(_ session: Session, _ settings: MountSettings) -> Session.Attachment {
        let (name, number): (Name, UInt32) =
            switch settings.user {
            case .number(let number): ("", number)
            case .name(let name): (Name(name), Protocol9P.noUserNumber)
            }
        return Session.Attachment(
            fid: session.fids.take(), user: name, userNumber: number, tree: Name(settings.treeName))
    }

    private static func attach(
        _ session: Session, _ attachment: Session.Attachment, _ settings: MountSettings
    ) throws(MountFailure) -> Qid {
        do {
            return try session.attach(
                attachment.fid, user: attachment.user, userNumber: attachment.userNumber,
                tree: attachment.tree)
        } catch { throw MountFailure(attaching: error, to: settings.treeName, at: settings.socket) }
    }
}
