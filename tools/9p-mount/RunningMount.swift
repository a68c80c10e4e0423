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
        /// The kernel's requests can be read no more.
        case unreadable(Errno)
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
    private var outage = Outage()

    /// A time without a server, or with one that hangs up as soon as it is reached.
    private struct Outage {
        /// A connection that lasts for less is part of it.
        static let shortConnection = Duration.seconds(1)

        var since = ContinuousClock.now
        var pause = Duration.milliseconds(5)
        var lastReached: ContinuousClock.Instant?
        /// How it was told that it is over; later ends of the same outage are the same news.
        var isRenewalTold = false

        var goesOn: Bool { lastReached.map { .now - $0 < Outage.shortConnection } ?? false }
    }

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
            let socket = settings.socket
            workers = try Workers(serving: fuse) { RunningMount.say($0, of: socket) }
            try workers.start()
        } catch {
            fuse.unmount()
            throw MountFailure(.local, "no thread to serve the mount: \(error)")
        }
    }

    /// Unlike that of any other mount, on this machine or another.
    private static func lockClient() -> String {
        "9p-mount-\(ThisProcess.identifier)-\(String(UInt64.random(in: 0 ... .max), radix: 16))"
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
                case .workers: return workersEnding
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
        let isAgain = outage.goesOn
        if !isAgain {
            outage = Outage()
            let loss = isSilent ? session.loss : .hungUp
            say("\(loss ?? .hungUp); waiting up to \(settings.reconnectLimit) for it to come back")
        }
        let deadline = outage.since + settings.reconnectLimit
        if isAgain {
            guard deadline > .now else { return giveUp(because: "it does so again whenever it is reached") }
            if let ending = try pause(poller, until: deadline) { return ending }
        }
        var obstacle: Errno?
        while true {
            let outcome = reconnection.attempt(
                within: max(.milliseconds(100), min(.seconds(2), deadline - .now)))
            switch outcome {
            case .resumed where isAgain: break
            case .renewed where outage.isRenewalTold: break
            case .resumed, .renewed: tell(outcome, after: .now - outage.since)
            case .hopeless(let reason): return giveUp(because: reason)
            case .later(let errno) where deadline <= .now:
                let reason = errno.map { " (\($0))" } ?? ""
                return giveUp(because: "it did not come back in time\(reason)")
            case .later(let errno):
                if let errno, errno != obstacle { say("it cannot be reached: \(errno); trying on") }
                obstacle = errno ?? obstacle
            }
            if case .later = outcome {
                if let ending = try pause(poller, until: deadline) { return ending }
                continue
            }
            outage.lastReached = .now
            try watchConnection(poller)
            return nil
        }
    }

    /// Before the next try; longer each time.
    private func pause(
        _ poller: borrowing Poller, until deadline: ContinuousClock.Instant
    ) throws(Errno) -> Ending? {
        defer { outage.pause = min(outage.pause * 2, .milliseconds(500)) }
        for event in try poller.wait(for: min(outage.pause, max(.zero, deadline - .now))) {
            switch Token(rawValue: event.token) {
            case .signals where signals.take() != nil: return .signal
            case .session: return .sessionEnded
            case .workers: return workersEnding
            default: continue
            }
        }
        return nil
    }

    /// Nothing was heard of the server any more; else it hung up, also where it was started anew.
    private var isSilent: Bool {
        if case .silent = session.loss { true } else { false }
    }

    private var workersEnding: Ending { workers.failure.map(Ending.unreadable) ?? .unmounted }

    private func giveUp(because reason: String) -> Ending {
        let count = session.end(.gone("\(isSilent ? "fell silent" : "hung up"), and \(reason)"))
        if count > 0 { say("\(count) requests end with EIO") }
        return .sessionEnded
    }

    private func tell(_ outcome: Reconnection.Outcome, after time: Duration) {
        let time = "after \(time.components.seconds) s"
        guard case .renewed = outcome else { return say("resumed \(time)") }
        outage.isRenewalTold = true
        say(
            "attached anew \(time): the server had forgotten the session. Files that were locked answer EIO; in all "
                + "\(tree.inDoubt.load(ordering: .relaxed)) changes ended in doubt, with EIO, so far")
    }

    private func say(_ text: String) { Self.say(text, of: settings.socket) }

    private static func say(_ text: String, of socket: String) {
        Report.write("9p-mount: \(socket): \(text)", to: 2)
    }

    // MARK: Ending

    /// Takes the mount away.
    ///
    /// - Returns: why, when that is a failure.
    func finish(_ ending: Ending) -> MountFailure? {
        switch ending {
        case .signal: writeBack()
        case .sessionEnded: letWorkersAnswer()
        case .unmounted, .unreadable: break
        }
        fuse.stop()
        let undetached = ending == .unmounted ? nil : detach()
        // Whoever still waits for the server gets EIO.
        session.end()
        // Where files are open the threads wait on; they end with the process, and the mount is out of the tree already.
        if wait(for: workers.endCounter, .seconds(2)) { fuse.unmount() }
        return failure(ending, undetached)
    }

    /// Whoever waited is told EIO by its request's answer. From a mount that goes first it would be ECONNABORTED.
    private func letWorkersAnswer() {
        let deadline = ContinuousClock.now + .seconds(2)
        while !workers.areIdle, .now < deadline {
            if wait(for: workers.endCounter, .milliseconds(2)) { return }
        }
    }

    /// - Returns: why the mount could not be taken out of the tree.
    private func detach() -> Errno? {
        do throws(Errno) { try FUSEDevice.detach(settings.mountPoint) } catch {
            // Somebody was faster.
            return error == .invalidArgument ? nil : error
        }
        return nil
    }

    private func failure(_ ending: Ending, _ undetached: Errno?) -> MountFailure? {
        let reason: String? =
            switch ending {
            case .signal, .unmounted: nil
            case .sessionEnded: session.ending.map { "\(settings.socket): \($0)" }
            case .unreadable(let errno): "/dev/fuse: \(errno)"
            }
        let path = settings.mountPoint
        let outcome =
            undetached.map {
                "\(path) could not be unmounted (\($0)): take it away with fusermount3 -u -z \(path)"
            }
            ?? "\(path) is unmounted"
        guard reason != nil || undetached != nil else { return nil }
        return MountFailure(.local, [reason, outcome].compactMap(\.self).joined(separator: "; "))
    }

    /// Written pages of shared mappings go to the server first, if that takes no longer than 10 seconds.
    private func writeBack() {
        guard settings.tree.caching == .mmap else { return }
        let (path, socket) = (settings.mountPoint, settings.socket)
        do throws(Errno) {
            let done = try EventCounter()
            _ = try Thread("write-back") {
                do throws(Errno) { try MountServing.synchronize(path) } catch {
                    RunningMount.say("pages of shared mappings may be lost: \(error)", of: socket)
                }
                done.signal()
            }
            if !wait(for: done, .seconds(10)) {
                say("pages of shared mappings may be lost: the server did not take them within 10 s")
            }
        } catch { say("pages of shared mappings may be lost: \(error)") }
    }

    private func wait(for counter: EventCounter, _ limit: Duration) -> Bool {
        do throws(Errno) {
            let poller = try Poller()
            try poller.add(counter.rawDescriptor, .readable, token: 1)
            return try !poller.wait(for: limit).isEmpty
        } catch {
            // As if it had not come in time.
            return false
        }
    }
}
