import FUSEMount
import Glibc
import LinuxSystem
import NineP
import NinePClient
import SystemPackage

/// A mount from its session's meeting to its end.
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
    }

    private let settings: MountSettings
    private let signals: SignalDescriptor
    private let session: Session
    private let fuse: FUSESession
    private let workers: Workers

    /// Connects, attaches and mounts; the mount is usable when this returns.
    init(_ settings: MountSettings, signals: SignalDescriptor) throws(MountFailure) {
        (self.settings, self.signals) = (settings, signals)
        session = try RunningMount.meet(settings)
        let root = try RunningMount.attach(session, settings)
        let tree = RemoteTree(session, root: root, settings.tree, lockClient: RunningMount.lockClient())
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

    private static func meet(_ settings: MountSettings) throws(MountFailure) -> Session {
        do {
            return try Session(
                connectingTo: settings.socket, maximumMessageSize: settings.maximumMessageSize)
        } catch { throw MountFailure(meeting: error, at: settings.socket) }
    }

    private static func attach(_ session: Session, _ settings: MountSettings) throws(MountFailure)
        -> RemoteFid
    {
        let fid = session.fids.take()
        let (name, number): (Name, UInt32) =
            switch settings.user {
            case .number(let number): ("", number)
            case .name(let name): (Name(name), Protocol9P.noUserNumber)
            }
        do {
            _ = try session.attach(fid, user: name, userNumber: number, tree: Name(settings.treeName))
            return RemoteFid(owning: fid, of: session, FidCache())
        } catch { throw MountFailure(attaching: error, to: settings.treeName, at: settings.socket) }
    }

    /// Unlike that of any other mount, on this machine or another.
    private static func lockClient() -> Name {
        Name("9p-mount-\(getpid())-\(String(UInt64.random(in: 0 ... .max), radix: 16))")
    }

    // MARK: Waiting

    func waitForEnd() throws(Errno) -> Ending {
        let poller = try Poller()
        try poller.add(signals.rawDescriptor, .readable, token: Token.signals.rawValue)
        try poller.add(
            session.rawDescriptor, [.peerClosed, .edgeTriggered], token: Token.connection.rawValue)
        try poller.add(session.endCounter.rawDescriptor, .readable, token: Token.session.rawValue)
        try poller.add(workers.endCounter.rawDescriptor, .readable, token: Token.workers.rawValue)
        var hasHungUp = false
        while true {
            for event in try poller.wait(for: hasHungUp ? .milliseconds(50) : nil) {
                switch Token(rawValue: event.token) {
                case .signals where signals.take() != nil: return .signal
                case .session: return .sessionEnded
                case .workers: return .unmounted
                case .connection: hasHungUp = true
                default: continue
                }
            }
            // What the server said before it hung up still counts for whoever reads it.
            if hasHungUp { session.endUnlessReading(.hungUp) }
        }
    }

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
