import ControlTree
import LinkDaemon
import Links
import Logging
import VOPHost
import Virtio

/// The host side of a link: a host-backend and the directory of its devices.
final class HostLinkSide: LinkSide {
    static let kind = LinkSideKind(
        side: .host,
        timeouts: [
            LinkTimeout("removal", HostSettings().removalLimit),
            LinkTimeout("config_change", HostSettings().configChangeLimit),
            LinkTimeout("shutdown", HostSettings().shutdownLimit),
        ], resumes: true
    ) { link, plan, reporter throws(LinkError) in
        var settings = HostSettings()
        settings.removalLimit = plan[timeout: "removal"]
        settings.configChangeLimit = plan[timeout: "config_change"]
        settings.shutdownLimit = plan[timeout: "shutdown"]
        settings.recordPath = "\(plan.runtimePath)/page"
        let side = HostLinkSide(link, settings, plan, reporter)
        try side.saved.restore()
        return side
    }

    private let backend: HostBackend
    private let directory: DeviceDirectory
    private let saved: SavedDevices
    private(set) var isShutDown = false

    private init(
        _ link: any Link, _ settings: HostSettings, _ plan: LinkPlan, _ reporter: LinkReporter
    ) {
        let shown = ShownDirectory()
        backend = HostBackend(
            link: link, settings: settings,
            events: { event in
                shown.directory?.note(event)
                reporter.report(
                    event.kind.rawValue, device: event.device, event.detail,
                    level: event.kind.isFault ? .warning : .info, isLogged: event.isWorthLogging)
            })
        directory = DeviceDirectory(backend: backend, recordPath: plan.runtimePath)
        directory.noRecord = { path, errno in
            reporter.report(
                "record-fault", "\(path): \(errno); the device is reset when the daemon is killed",
                level: .warning)
        }
        saved = SavedDevices(directory, plan, reporter)
        shown.directory = directory
    }

    /// The directory is made after the backend whose events it is told.
    private final class ShownDirectory {
        weak var directory: DeviceDirectory?
    }

    var devices: Directory { directory.node }
    var metrics: any LinkMetrics { directory.metrics }
    var pollDescriptor: CInt { backend.pollDescriptor }
    var nextDeadline: ContinuousClock.Instant? { backend.nextDeadline }
    func service() throws(LinkError) { try backend.service() }
    /// Backends ask through the tree.
    var requestCount: UInt64 { 0 }
    func shutDown() { backend.shutDown { [weak self] in self?.isShutDown = true } }
}

extension HostEventKind {
    /// What an operator wants to see among ordinary news.
    var isFault: Bool {
        switch self {
        case .noRoom, .needsReset, .quarantined, .configTimedOut, .peerFault, .recordFault: true
        case .linkUp, .linkResumed, .linkDown, .linkNote, .published, .running, .reset, .withdrawn, .retired,
            .configAcknowledged:
            false
        }
    }
}
