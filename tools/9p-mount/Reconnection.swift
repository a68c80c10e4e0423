import LinuxSystem
import NineP
import NinePClient
import SystemPackage

/// Brings a session that has lost its connection back: resumed where the server has kept it, begun anew where it has not
/// (Documentation/decisions/13).
struct Reconnection {
    enum Outcome {
        case resumed
        /// The server had forgotten the session.
        case renewed
        /// Not now: nobody listens, or somebody else is served; or this process cannot, and why.
        case later(Errno?)
        /// Never: why.
        case hopeless(String)
    }

    let place: ServerPlace
    let session: Session
    let attachment: Session.Attachment
    /// What it led to at first.
    let root: Qid

    /// One try.
    ///
    /// - Parameter limit: for each answer of the server's.
    func attempt(within limit: Duration) -> Outcome {
        do throws(SessionError) {
            let isResumed = try session.resume(
                over: try place.connect(within: limit), proving: attachment.fid, leadsTo: root, within: limit)
            return isResumed ? .resumed : try begin(within: limit)
        } catch { return outcome(of: error) }
    }

    private func begin(within limit: Duration) throws(SessionError) -> Outcome {
        let qid = try session.renew(
            over: try place.connect(within: limit), attaching: attachment,
            within: limit)
        guard qid.path == root.path else { return .hopeless("another tree is served there now") }
        return .renewed
    }

    private func outcome(of error: SessionError) -> Outcome {
        switch error {
        case .refused(.resourceBusy), .timedOut, .interrupted, .renewed: .later(nil)
        case .ended(.system(.noSuchFileOrDirectory)), .ended(.system(.connectionRefused)): .later(nil)
        case .ended(.system(let errno)): .later(errno)
        case .ended: .later(nil)
        case .refused(.messageTooLong): .hopeless("the server takes smaller messages than before")
        case .refused(let errno): .hopeless("the server refused the session: \(errno)")
        }
    }
}
