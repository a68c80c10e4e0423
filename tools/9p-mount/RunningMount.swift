import FUSEMount
import LinuxSystem
import NineP
import NinePClient
import Synchronization
import SystemPackage

/// A mount from its making to its end.
final class RunningMount {
    enum Ending: Equatable {
        /// SIGTERM, SIGINT or SIGHUP.
        case signal
        /// Somebody unmounted it.
        case unmounted
        /// The 9P session is over.
        case sessionEnded
    }

    private enum Token: UInt64 {
        case signals = 1
        case connection
        case session
        case workers
        case loss
    }

    private let settings: MountSettings
    private let signals: SignalDescriptor
    private let session: Session
    private let tree: RemoteTree
    private let reconnection: Reconnection
    private let fuse: FUSESession
    private let workers: Workers

    /// Mounts what was met; the mount is usable when this returns.
    init(_ met: ServerMeeting.Met, _ settings: MountSettings, signals: SignalDescriptor) throws(MountFailure)
    {
        (self.settings, self.signals) = (settings, signals)
        session = met.session
        let root = RemoteFid(owning: met.attachment.fid, of: session, FidCache(), epoch: nil)
        reconnection = Reconnection(
            place: met.place, session: session, attachment: met.attachment, root: met.root)
        tree = RemoteTree(session, root: root, settings.tree, lockClient: RunningMount.lockClient())
        let options = MountOptions(settings, transferByteCount: RemoteTree.transferByteCount(session))
        do { fuse = try FUSESession(tree, at: settings.mountPoint, options) } catch {
            throw MountFailure(error)
        }
        do {
            workers = try Workers(serving: fuse)
            try workers.start()
        } catch {
            fuse.unmount()
            throw MountFailure(.local, "no thread to serve the mount: \(error)")
        }
    }

    /// Unlike that of any other mount, on this machine or another.
    private static func lockClient() -> Name {
        Name("9p-mount-\(ThisProcess.identifier)-\(String(UInt64.random(in: 0 ... .max), radix: 16))")
    }

    // MARK: Waiting

    func waitForEnd() throws(Errno) -> Ending {
        let poller = try Poller()
        try poller.add(signals.rawDescriptor, .readable, token: Token.signals.rawValue)
        try poller.add(session.endCounter.rawDescriptor, .readable, token: Token.session.rawValue)
        try poller.add(session.lossCounter.rawDescriptor, .readable, token: Token.loss.rawValue)
        try poller.add(workers.endCounter.rawDescriptor, .readable, token: Token.workers.rawValue)
        try watchConnection(poller)
        var hasHungUp = false
        while true {
            for event in try poller.wait(for: hasHungUp ? .milliseconds(50) : nil) {
                switch Token(rawValue: event.token) {
                case .signals where signals.take() != nil: return .signal
                case .session: return .sessionEnded
                case .workers: return .unmounted
                case .connection: hasHungUp = true
                case .loss:
                    session.lossCounter.drain()
                    if let ending = try goOn(poller) { return ending }
                    hasHungUp = false
                default: continue
                }
            }
            // What the server said before it hung up still counts for whoever reads it.
            if hasHungUp { session.hangUp() }
        }
    }

    /// The one before it is watched no more: it is closed.
    private func watchConnection(_ poller: borrowing Poller) throws(Errno) {
        try poller.add(
            session.rawDescriptor, [.peerClosed, .edgeTriggered], token: Token.connection.rawValue)
    }

    /// The connection is lost: tries to have another, less and less often, for as long as is allowed.
    ///
    /// - Returns: how the mount ends; `nil` when it goes on.
    private func goOn(_ poller: borrowing Poller) throws(Errno) -> Ending? {
        let started = ContinuousClock.now
        let deadline = started + settings.reconnectLimit
        say("the server hung up; waiting up to \(settings.reconnectLimit) for it to come back")
        var pause = Duration.milliseconds(5)
        while true {
            let outcome = reconnection.attempt(
                within: max(.milliseconds(100), min(.seconds(2), deadline - .now)))
            switch outcome {
            case .resumed, .renewed:
                tell(outcome, after: .now - started)
                try watchConnection(poller)
                return nil
            case .hopeless(let reason): return giveUp(.gone(reason))
            case .later where deadline <= .now: return giveUp(.gone("it did not come back in time"))
            case .later: break
            }
            for event in try poller.wait(for: min(pause, max(.zero, deadline - .now))) {
                switch Token(rawValue: event.token) {
                case .signals where signals.take() != nil: return .signal
                case .session: return .sessionEnded
                case .workers: return .unmounted
                default: continue
                }
            }
            pause = min(pause * 2, .milliseconds(500))
        }
    }

    private func giveUp(_ ending: NinePClient.Ending) -> Ending {
        let count = session.end(ending)
        if count > 0 { say("\(count) requests end with EIO") }
        return .sessionEnded
    }

    private func tell(_ outcome: Reconnection.Outcome, after time: Duration) {
        let time = "after \(time.components.seconds) s"
        guard case .renewed = outcome else { return say("resumed \(time)") }
        say(
            "attached anew \(time): the server had forgotten the session. Files that were locked answer EIO; in all "
                + "\(tree.inDoubt.load(ordering: .relaxed)) changes ended in doubt, with EIO, so far")
    }

    private func say(_ text: String) { Report.write("9p-mount: \(settings.socket): \(text)", to: 2) }

    // MARK: Ending

    /// Takes the mount away.
    ///
    /// - Returns: why, when that is a failure.
    func finish(_ ending: Ending) -> MountFailure? {
        switch ending {
        case .signal: writeBack()
        case .sessionEnded, .unmounted: break
        }
        fuse.stop()
        if ending != .unmounted { try? FUSEDevice.detach(settings.mountPoint) }
        // Whoever still waits for the server gets EIO.
        session.end()
        // Where files are open the threads wait on; they end with the process, and the mount is out of the tree already.
        if wait(for: workers.endCounter, .seconds(2)) { fuse.unmount() }
        guard ending == .sessionEnded, let reason = session.ending else { return nil }
        return MountFailure(.local, "\(settings.socket): \(reason); \(settings.mountPoint) is unmounted")
    }

    /// Written pages of shared mappings go to the server first, if that takes no longer than 10 seconds.
    private func writeBack() {
        guard settings.tree.caching == .mmap, let done = try? EventCounter() else { return }
        let path = settings.mountPoint
        let thread = try? Thread("write-back") {
            _ = try? MountServing.synchronize(path)
            done.signal()
        }
        if thread != nil { _ = wait(for: done, .seconds(10)) }
    }

    private func wait(for counter: EventCounter, _ limit: Duration) -> Bool {
        guard let poller = try? Poller() else { return false }
        do throws(Errno) {
            try poller.add(counter.rawDescriptor, .readable, token: 1)
            return try !poller.wait(for: limit).isEmpty
        } catch { return false }
    }
}
