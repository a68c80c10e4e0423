import Commands
import ControlTree
import FUSEMount
import LinuxSystem
public import Logging
import SystemPackage
import Virtio

/// A backend daemon: the root of a control tree with its links, served on the calling thread until a signal ends it.
public struct Daemon {
    /// Why it could not start or go on, as one line for a person.
    public struct Failure: Error, CustomStringConvertible, Sendable {
        public let description: String
    }

    private let kind: LinkSideKind
    private let treePath: String
    private let statePath: String
    private let log: Logger

    /// - Parameters:
    ///   - treePath: where the control tree is mounted; made if it is missing.
    ///   - statePath: where links and devices are saved, a directory for each side; made if it is missing.
    public init(_ kind: LinkSideKind, treePath: String, statePath: String, log: Logger) {
        self.kind = kind
        self.statePath = "\(statePath)/\(kind.side.rawValue)"
        self.treePath = treePath
        self.log = log
    }

    /// Mounts the tree, serves it, and returns when SIGTERM, SIGINT or SIGHUP has come and every link is down, or when
    /// somebody has unmounted the tree.
    ///
    /// Called on the first thread, before any other is started: all inherit its signal mask.
    public func run() throws {
        do {
            ThisProcess.outlivesBrokenPipes()
            let signals = try SignalDescriptor([.terminate, .interrupt, .hangUp])
            try makeStateDirectory()
            let claim = try claimState()
            defer { withExtendedLifetime(claim) {} }
            try RuntimeDirectory.make(treePath)
            let mailbox = try RootMailbox()
            let events = EventLog()
            let tallies = EventTallies()
            let links = LinkSet(environment(mailbox, events, tallies))
            let tree = makeTree(links, events, tallies)
            let session = try FUSESession(TreeFilesystem(tree), at: treePath, mountOptions)
            defer { session.unmount() }
            log.info("control tree at \(treePath)")
            links.restore()
            try serve(session, links, mailbox, signals)
            log.info("ended")
        } catch let error as MountError {
            throw Failure(description: "\(error)")
        } catch let error as Errno {
            throw Failure(description: "\(treePath): \(error)")
        }
    }

    private func makeStateDirectory() throws(Failure) {
        do throws(Errno) { try RuntimeDirectory.make(statePath, mode: 0o700) } catch {
            throw Failure(
                description:
                    "\(statePath), where links and devices are saved, cannot be made: \(error); "
                    + "give another directory with --state")
        }
    }

    /// Two daemons that save to one directory would each lose what the other has saved.
    private func claimState() throws(Failure) -> DirectoryClaim {
        let this = "process \(ThisProcess.identifier), with its control tree at \(treePath)"
        do throws(DirectoryClaim.Failure) { return try DirectoryClaim(of: statePath, by: this) } catch {
            switch error {
            case .held(let holder):
                throw Failure(
                    description:
                        "\(statePath), where links and devices are saved, is in use by "
                        + "\(holder ?? "another process"); end that one, or give another directory with --state"
                )
            case .system(let errno):
                throw Failure(
                    description:
                        "\(DirectoryClaim.file(statePath)) cannot be locked: \(errno); give another directory with --state"
                )
            }
        }
    }

    private var mountOptions: MountOptions {
        // An ordinary user may let others in only where /etc/fuse.conf says so; so that user's tree is theirs alone.
        .controlTree(subtype: "vop-\(kind.side.rawValue)", allowsOthers: ProcessOwner.user == 0)
    }

    private func environment(
        _ mailbox: RootMailbox, _ events: EventLog, _ tallies: EventTallies
    ) -> LinkEnvironment {
        LinkEnvironment(
            kind: kind, treePath: treePath, statePath: statePath, mountOptions: mountOptions, log: log,
            events: events, tallies: tallies, mailbox: mailbox)
    }

    private func makeTree(_ links: LinkSet, _ events: EventLog, _ tallies: EventTallies) -> Tree {
        let root = Directory(mode: 0o755)
        root.add("version", Attribute(mode: 0o444, show: { "\(kind.side.rawValue) \(Version.text)" }))
        root.add("events", EventsNode(events))
        root.add(
            "metrics",
            Attribute(mode: 0o444, show: { [unowned links] in metrics(of: links, tallies).text }))
        root.add("links", links.directory)
        root.assign(user: ProcessOwner.user, group: ProcessOwner.group)
        let tree = Tree(root: root)
        tree.reportRefusals(to: events, tallies, log)
        SavedOwners(tree, at: "\(statePath).owners") { [log] in
            log.error("\($0): \($1)")
            events.record(Event($0, object: "", message: $1))
        }
        return tree
    }

    private func metrics(of links: LinkSet, _ tallies: EventTallies) -> LinkMetricsText {
        var text = LinkMetricsText()
        text.add(.build, ["version": Version.text, "side": kind.side.rawValue], 1)
        links.write(to: &text)
        tallies.write(to: &text)
        return text
    }

    private func serve(
        _ session: FUSESession, _ links: LinkSet, _ mailbox: RootMailbox, _ signals: SignalDescriptor
    ) throws(Errno) {
        let poller = try Poller()
        try poller.add(signals.rawDescriptor, .readable, token: 0)
        try poller.add(mailbox.pollDescriptor, .readable, token: 1)
        try poller.add(session.pollDescriptor, .readable, token: 2)
        var isEnding = false
        while !(isEnding && links.areAllDown) {
            var ready: UInt64 = 0
            try poller.wait(for: nil) { ready |= 1 << $0.token }
            var ends = false
            if ready & 1 != 0, let signal = signals.take() {
                log.info("\(signal): taking the links down")
                ends = true
            }
            if ready & 2 != 0 { mailbox.deliver(to: links) }
            if ready & 4 != 0, try session.service() {
                log.error("the control tree was unmounted by somebody else: taking the links down")
                try poller.remove(session.pollDescriptor)
                ends = true
            }
            if ends && !isEnding {
                isEnding = true
                links.takeAllDown()
            }
        }
    }
}
