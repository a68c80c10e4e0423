import ControlTree
import FUSEMount
import LinkExercise
import Links
import LinuxSystem
import Logging
import SharedMemory
import Synchronization
import SystemPackage

/// The thread of one link that is up: it makes the link and its side, mounts the devices, serves both, and takes all of it
/// down again.
///
/// ```
///   root session's thread                       the link's thread
///   ─────────────────────                       ──────────────────
///   start() ───────────────────────────────────► make, mount (looks its mount point up in the root session)
///           ◄──────────────────── began(view) ── serve …
///   requestStop() ──────────────────────────────► let go of devices, unmount
///           ◄───────────────────── ended(why) ──
/// ```
final class LinkRunner: Sendable {
    struct Callbacks: Sendable {
        /// The link is up, waiting for its peer or not.
        let began: @Sendable (LinkView) -> Void
        /// What others may see of it is not as it was.
        let changed: @Sendable () -> Void
        /// It is no more. `nil`: because somebody asked.
        let ended: @Sendable (Refusal?) -> Void
    }

    private let plan: LinkPlan
    private let kind: LinkSideKind
    private let devicesPath: String
    private let mountOptions: MountOptions
    private let reporter: LinkReporter
    private let callbacks: Callbacks
    private let stopping: EventCounter
    private let thread = Mutex<Thread?>(nil)

    init(
        _ plan: LinkPlan, _ kind: LinkSideKind, devicesPath: String, mountOptions: MountOptions,
        reporter: LinkReporter, callbacks: Callbacks
    ) throws(Errno) {
        self.plan = plan
        self.kind = kind
        self.devicesPath = devicesPath
        self.mountOptions = mountOptions
        self.reporter = reporter
        self.callbacks = callbacks
        stopping = try EventCounter()
    }

    func start() throws(Errno) {
        let started = try Thread("link-\(plan.name)") { [self] in callbacks.ended(run()) }
        thread.withLock { $0 = started }
    }

    func requestStop() { stopping.signal() }

    /// Waits for the thread to end. Once, after `ended` has been called.
    func join() { thread.withLock { $0.take() }?.join() }

    // MARK: On the link's thread

    private func run() -> Refusal? {
        do {
            try makeRuntimeDirectory()
            let link = try plan.makeLink(kind.side, resumes: kind.resumes)
            let side = try kind.make(link, plan, reporter)
            let tree = Tree(root: side.devices, location: "links/\(plan.name)/devices")
            tree.reportRefusals(to: reporter)
            SavedOwners(tree, at: "\(plan.statePath)/owners") { [reporter] in
                reporter.report($0, $1, level: .error)
            }
            let session = try FUSESession(TreeFilesystem(tree), at: devicesPath, mountOptions)
            defer { session.unmount() }
            try link.start()
            defer { link.stop() }
            let desk = try ExerciseDesk()
            let exerciser = try Exerciser(link, desk)
            defer { exerciser.stop() }
            let view = LinkView(link, side.metrics, desk, changed: callbacks.changed)
            view.refresh(from: link)
            callbacks.began(view)
            do {
                return try serve(link, side, session, exerciser, view)
            } catch {
                letGo(of: side)
                throw error
            }
        } catch let error as MountError {
            return Refusal(error.errno, "its devices could not be mounted: \(error)")
        } catch let error as LinkError {
            return error.refusal
        } catch let error as Errno {
            return Refusal(error, "its loop failed: \(error)")
        } catch {
            return Refusal(.ioError, "\(error)")
        }
    }

    private func makeRuntimeDirectory() throws(LinkError) {
        do throws(Errno) {
            try RuntimeDirectory.make(plan.runtimePath, mode: 0o700)
        } catch { throw .system(error, during: "making \(plan.runtimePath)") }
    }

    private func serve(
        _ link: any Link, _ side: any LinkSide, _ session: FUSESession, _ exerciser: Exerciser,
        _ view: LinkView
    ) throws -> Refusal? {
        try link.watch(stopping.rawDescriptor)
        try link.watch(session.pollDescriptor)
        defer {
            link.unwatch(stopping.rawDescriptor)
            link.unwatch(session.pollDescriptor)
        }
        // Those who ask through the tree, for whom no pause lasts.
        let users = try Poller()
        try users.add(stopping.rawDescriptor, .readable, token: 0)
        try users.add(session.pollDescriptor, .readable, token: 1)
        var isStopping = false
        var isMounted = true
        var patience = DoorbellPatience()
        while !(isStopping && side.isShutDown) {
            let deadline = side.nextDeadline
            let exercise = exerciser.nextDeadline
            if let pause = patience.pause { try users.wait(for: pause) { _ in } }
            let next = deadline.map { min($0, exercise ?? $0) } ?? exercise
            var found = try link.wait(for: next.map { max(.zero, $0 - .now) })
            view.wakeUps.add()
            let isStopAsked = link.isReady(stopping.rawDescriptor)
            let isAsked = isMounted && link.isReady(session.pollDescriptor)
            found -= (isStopAsked ? 1 : 0) + (isAsked ? 1 : 0) + (exerciser.isReady ? 1 : 0)
            // A request of a backend's is no reason to look at the link: that costs as much as the request.
            if found > 0 || deadline.map({ $0 <= .now }) ?? false { try side.service() }
            if exercise != nil || found > 0 || exerciser.isReady { exerciser.service() }
            patience.note(
                wasRung: found > 0, isAsked: isAsked,
                requestCount: side.requestCount &+ exerciser.requestCount)
            if isAsked, try session.service() {
                isMounted = false
                link.unwatch(session.pollDescriptor)
                try users.remove(session.pollDescriptor)
            }
            view.refresh(from: link)
            if isStopAsked { stopping.drain() }
            guard isStopAsked || !isMounted, !isStopping else { continue }
            isStopping = true
            side.shutDown()
        }
        return isMounted
            ? nil : Refusal(.ioError, "somebody unmounted its devices directory; bring it up again")
    }

    /// After its loop failed: what a side has started, as data mounts, ends all the same, within `letGoLimit`.
    private func letGo(of side: any LinkSide) {
        side.shutDown()
        let end = ContinuousClock.now + Self.letGoLimit
        do {
            let poller = try Poller()
            try poller.add(side.pollDescriptor, .readable, token: 0)
            while !side.isShutDown && .now < end {
                try poller.wait(for: max(.zero, min(side.nextDeadline ?? end, end) - .now)) { _ in }
                try side.service()
            }
        } catch {
            reporter.log.error("link \(plan.name): letting go of its devices failed too: \(error)")
        }
        if !side.isShutDown {
            reporter.log.error("link \(plan.name): not all of its devices let go; look for processes it left")
        }
    }

    private static let letGoLimit = Duration.seconds(30)
}

extension LinkError {
    /// For whoever brought the link up.
    var refusal: Refusal {
        switch self {
        case .peer: Refusal(.protocolError, description)
        case .system(let errno, _):
            Refusal(errno, description + (Self.advice(on: errno).map { "; \($0)" } ?? ""))
        case .outOfMemory: Refusal(.noMemory, "\(description); set larger window_bytes")
        case .notUp: Refusal(.socketNotConnected, description)
        case .configuration: Refusal(.invalidArgument, description)
        }
    }

    /// What a link's owner can do about it; these are errors of its socket's place.
    private static func advice(on errno: Errno) -> String? {
        switch errno {
        case .addressInUse: "somebody listens there, or it is no socket; write another path to `socket`"
        case .noSuchFileOrDirectory, .notDirectory: "make its directory, or write another path to `socket`"
        case .permissionDenied, .readOnlyFileSystem:
            "write a path to `socket` where this daemon's user may make a file"
        default: nil
        }
    }
}
