import ControlTree
import LinuxSystem
import SystemPackage

/// The data mounts of a link's devices: where each is wanted, and the processes that serve them.
///
/// Where a device is wanted is a setting. It is kept by the device's mount tag, outlasts reset, unbinding, and the device
/// itself, and is forgotten when somebody writes an empty line, or unmounts by hand.
///
/// ```
///   written ──mounted──► kept ──9p-mount ended by itself, device back──► mounted anew (later each time it fails)
///      └── failed: refused, nothing is kept
/// ```
final class DataMounts {
    /// A device's mount, by its tag.
    private struct Wanted {
        let path: String
        let socket: String
        /// Its name now; as long as it is gone, its last.
        var device: String
        var mount: DataMount?
        /// What the last one left is being taken away.
        var dead: DeadMount?
        /// It was mounted once: the setting stands.
        var isKept = false
        var retry = RetryPlan()
    }

    /// A device that could be mounted now.
    struct Source {
        let device: String
        let tag: String
        let socket: String
    }

    private var wanted: [String: Wanted] = [:]
    private let poller: Poller
    private let limits: MountLimits
    private let reporter: LinkReporting
    private var isEnding = false
    /// Tags whose record was looked for.
    private var recalled: Set<String> = []

    /// How a mount says what became of it.
    typealias LinkReporting = (_ event: String, _ device: String, _ message: String, _ isWarning: Bool) ->
        Void

    init(_ limits: MountLimits, _ reporter: @escaping LinkReporting) throws(Errno) {
        self.limits = limits
        self.reporter = reporter
        poller = try Poller()
    }

    var pollDescriptor: CInt { poller.rawDescriptor }

    var nextDeadline: ContinuousClock.Instant? {
        wanted.values.compactMap { $0.mount.map(\.nextDeadline) ?? $0.retry.due }.min()
    }

    /// Where a device is mounted, or will be.
    func path(of tag: String) -> String { wanted[tag]?.path ?? "" }

    var areGone: Bool { wanted.values.allSatisfy { $0.mount == nil && $0.dead == nil } }

    // MARK: What is asked

    /// Mounts `source` at `path`; an empty path unmounts it and forgets the setting.
    func set(_ source: Source, at path: String, _ change: PendingChange) {
        if let known = wanted[source.tag] {
            guard path.isEmpty else {
                let state = known.mount == nil ? "is set to be mounted" : "is mounted"
                return change.refuse(
                    Refusal(
                        .resourceBusy, "\(state) at \(known.path); write an empty line to unmount it first"))
            }
            wanted[source.tag]?.isKept = false
            if let mount = known.mount { return mount.unmount(change) }
            forgetRecord(known)
            wanted[source.tag] = nil
            return change.succeed()
        }
        guard !path.isEmpty else { return change.succeed() }
        // Nobody would unmount it again, and the link waits for its mounts.
        guard !isEnding else {
            return change.refuse(
                Refusal(.socketShutdown, "the link is going down; bring it up again first"))
        }
        guard !source.socket.isEmpty else {
            return change.refuse(
                Refusal(.socketNotConnected, "the device has no socket to mount; bind its driver first"))
        }
        var entry = Wanted(path: path, socket: source.socket, device: source.device)
        do throws(Errno) {
            entry.mount = try DataMount(source.socket, at: path, limits, poller, change)
            wanted[source.tag] = entry
        } catch { change.refuse(Refusal(error, "9p-mount could not be started: \(error)")) }
    }

    /// Unmounts everything; what is wanted stays a setting.
    func end() {
        isEnding = true
        for entry in wanted.values { entry.mount?.unmount(nil) }
    }

    // MARK: The loop

    /// Does what can be done without blocking.
    ///
    /// - Parameter hasNews: something about the devices may have changed since the last time.
    func service(hasNews: Bool, _ sources: () -> [Source]) {
        for (tag, entry) in wanted {
            guard let mount = entry.mount else { continue }
            for step in mount.service() { take(step, of: tag, entry) }
        }
        let isTime = areDeadOnesGone() || dueIsOver() || hasNews
        guard isTime, !isEnding else { return }
        for source in sources() where !source.socket.isEmpty {
            recall(source)
            mountAnew(source)
        }
    }

    /// Whether the time of some mount has come; then it waits for nothing but its device.
    private func dueIsOver() -> Bool {
        let now = ContinuousClock.now
        let due = wanted.filter { $0.value.mount == nil && $0.value.retry.isOver(at: now) }
        for tag in due.keys { wanted[tag]?.retry.due = nil }
        return !due.isEmpty
    }

    /// What a daemon before this one kept of a device that is seen for the first time.
    private func recall(_ source: Source) {
        guard recalled.insert(source.tag).inserted, wanted[source.tag] == nil else { return }
        do throws(Errno) {
            guard let record = try MountRecord.kept(beside: source.socket) else { return }
            var entry = Wanted(path: record.path, socket: source.socket, device: source.device)
            entry.isKept = true
            // It is wanted in any case: one that cannot be watched is tried again as one that failed is.
            defer { wanted[source.tag] = entry }
            if let process = try record.running() {
                entry.mount = try DataMount(adopting: process, at: source.socket, poller)
                reporter(
                    "mount-adopted", source.device, "at \(record.path), process \(process.identifier)", false)
            } else {
                entry.dead = deadMount(entry)
            }
        } catch {
            reporter(
                "mount-failed", source.device,
                "what a daemon before this one mounted is not known, or cannot be watched: \(error)", true)
        }
    }

    /// Without it the next 9p-mount takes away what the last one left.
    private func deadMount(_ entry: Wanted) -> DeadMount? {
        do throws(Errno) { return try DeadMount(at: entry.path, poller) } catch {
            reporter("mount-note", entry.device, "no thread to look at \(entry.path): \(error)", false)
            return nil
        }
    }

    private func forgetRecord(_ entry: Wanted) {
        do throws(Errno) { try MountRecord.forget(beside: entry.socket) } catch {
            reporter(
                "not-saved", entry.device,
                "a daemon after this one mounts \(entry.path) again: \(MountRecord.file(entry.socket)) cannot be removed: "
                    + "\(error)", true)
        }
    }

    private func areDeadOnesGone() -> Bool {
        let gone = wanted.filter { $0.value.dead?.isDone() ?? false }
        for tag in gone.keys { wanted[tag]?.dead = nil }
        return !gone.isEmpty
    }

    private func mountAnew(_ source: Source) {
        guard var entry = wanted[source.tag], entry.mount == nil, entry.dead == nil,
            entry.retry.due == nil
        else { return }
        entry.device = source.device
        do throws(Errno) {
            entry.mount = try DataMount(source.socket, at: entry.path, limits, poller, nil)
        } catch {
            entry.retry.failed(at: .now)
            reporter(
                "mount-failed", entry.device, "at \(entry.path): 9p-mount could not be started: \(error)",
                true)
        }
        wanted[source.tag] = entry
    }

    private func take(_ step: DataMount.Step, of tag: String, _ entry: Wanted) {
        switch step {
        case .mounted:
            reporter("mounted", entry.device, "at \(entry.path)" + (entry.isKept ? ", anew" : ""), false)
            wanted[tag]?.isKept = true
            keepRecord(entry)
            wanted[tag]?.retry.succeeded(at: .now)
        case .note(let line): reporter("mount-note", entry.device, line, false)
        case .stuck(let limit):
            reporter(
                "mount-stuck", entry.device,
                "9p-mount at \(entry.path) did not answer within \(limit); killing it", true)
        case .ended(let ending): ended(ending, tag, entry)
        }
    }

    /// Without it a daemon after this one does not know of the mount.
    private func keepRecord(_ entry: Wanted) {
        guard let process = entry.mount?.process, let record = MountRecord(process, at: entry.path) else {
            return
        }
        do throws(Errno) { try record.keep(beside: entry.socket) } catch {
            reporter(
                "not-saved", entry.device,
                "the mount at \(entry.path) is not known to a daemon after this one: \(error)", true)
        }
    }

    private func ended(_ ending: DataMount.Ending, _ tag: String, _ entry: Wanted) {
        wanted[tag]?.mount = nil
        switch ending {
        case .asked:
            reporter("unmounted", entry.device, "from \(entry.path)", false)
            forgetRecord(entry)
            if !isEnding { wanted[tag] = nil }
        case .byOthers:
            reporter(
                "unmounted", entry.device,
                "from \(entry.path), by somebody else; it is not mounted again until it is asked for", false)
            forgetRecord(entry)
            wanted[tag] = nil
        case .failed(let reason):
            reporter("mount-failed", entry.device, "at \(entry.path): \(reason)", true)
            if entry.isKept { wanted[tag]?.retry.failed(at: .now) } else { wanted[tag] = nil }
        case .lost(let reason):
            let next = isEnding ? "" : "; it is mounted anew when the device is there"
            reporter("mount-lost", entry.device, "from \(entry.path): \(reason)\(next)", true)
            wanted[tag]?.retry.failed(at: .now)
            wanted[tag]?.dead = deadMount(entry)
        }
    }
}

/// When a mount that ended by itself is made again: at once the first time, then after 1 s, 2 s … 60 s for as long as it keeps
/// ending sooner than that.
struct RetryPlan {
    private static let longest = Duration.seconds(60)

    /// Not before; `nil` when it may be at any time.
    var due: ContinuousClock.Instant?
    private var delay = Duration.zero
    private var mountedSince: ContinuousClock.Instant?

    func isOver(at now: ContinuousClock.Instant) -> Bool { due.map { $0 <= now } ?? false }

    mutating func succeeded(at now: ContinuousClock.Instant) {
        due = nil
        mountedSince = now
    }

    mutating func failed(at now: ContinuousClock.Instant) {
        if let since = mountedSince, now - since > max(delay, .seconds(1)) { delay = .zero }
        mountedSince = nil
        due = now + delay
        delay = delay == .zero ? .seconds(1) : min(delay * 2, Self.longest)
    }
}
