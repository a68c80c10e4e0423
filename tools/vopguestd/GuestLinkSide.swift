import ControlTree
import DevicePage
import GuestDrivers
import LinkDaemon
import Links
import LinuxSystem
import Logging
import SystemPackage
import VOPGuest
import Virtio

/// The guest side of a link: a guest-backend, the directory of what it found, and the data mounts of its devices.
final class GuestLinkSide: LinkSide {
    static func kind(sockets: String) -> LinkSideKind {
        let standard = GuestSettings()
        return LinkSideKind(
            side: .guest,
            timeouts: [
                LinkTimeout("used_address", standard.limits.usedAddress),
                LinkTimeout("reset", standard.limits.reset),
                LinkTimeout("page", standard.pageLimit),
            ]
        ) { link, plan, reporter throws(LinkError) in
            var settings = GuestSettings()
            settings.limits.usedAddress = plan[timeout: "used_address"]
            settings.limits.reset = plan[timeout: "reset"]
            settings.pageLimit = plan[timeout: "page"]
            return try GuestLinkSide(link, settings, sockets: sockets, reporter)
        }
    }

    private static let backendToken = UInt64.max

    let devices = Directory(mode: 0o755)
    private let backend: GuestBackend
    private let poller: Poller
    private let reporter: LinkReporter
    /// Something about the list of devices may have changed since it was last shown.
    private final class Staleness { var isStale = true }
    private let listing: Staleness
    private var mounts: [String: DataMount] = [:]
    private var isShuttingDown = false

    private init(
        _ link: any Link, _ settings: GuestSettings, sockets: String, _ reporter: LinkReporter
    ) throws(LinkError) {
        let listing = Staleness()
        self.listing = listing
        self.reporter = reporter
        backend = try GuestBackend(
            link: link, drivers: [.ninep(NinePSettings(directory: sockets))], settings: settings,
            events: { event in
                listing.isStale = true
                reporter.report(
                    event.kind.rawValue, device: event.device, event.detail,
                    level: event.kind == .failed ? .warning : .info, isLogged: event.isWorthLogging)
            })
        do throws(Errno) {
            poller = try Poller()
            try poller.add(backend.pollDescriptor, .readable, token: Self.backendToken)
        } catch { throw .system(error, during: "watching a guest-backend") }
    }

    // MARK: The loop

    var pollDescriptor: CInt { poller.rawDescriptor }

    var nextDeadline: ContinuousClock.Instant? {
        ([backend.nextDeadline] + mounts.values.map(\.nextDeadline)).compactMap { $0 }.min()
    }

    func service() throws(LinkError) {
        try backend.service()
        for (name, mount) in mounts where mount.service() == .ended { mounts[name] = nil }
        if listing.isStale { list() }
        if isShuttingDown && mounts.isEmpty { backend.unload() }
    }

    func shutDown() {
        isShuttingDown = true
        // Data mounts go first, then drivers.
        for mount in mounts.values { mount.unmount(nil) }
        if mounts.isEmpty { backend.unload() }
    }

    var isShutDown: Bool { mounts.isEmpty && backend.isUnloaded }

    // MARK: The directory

    /// Shows the devices that are there now.
    private func list() {
        listing.isStale = false
        let names = backend.snapshots.map(\.name)
        for child in devices.children where !names.contains(child.name) { devices.remove(child.name) }
        for snapshot in backend.snapshots where devices[snapshot.name] == nil {
            devices.add(snapshot.name, DeviceDirectory.make(snapshot, backend, self))
        }
    }

    // MARK: Data mounts

    func mountPath(of device: String) -> String { mounts[device]?.path ?? "" }

    /// Mounts what a device gives at `path`; an empty path unmounts it.
    func mount(_ device: String, socket: String, at path: String, _ change: PendingChange) {
        if let mount = mounts[device] {
            guard path.isEmpty else {
                return change.refuse(
                    Refusal(
                        .resourceBusy, "is mounted at \(mount.path); write an empty line to unmount it first")
                )
            }
            return mount.unmount(change)
        }
        guard !path.isEmpty else { return change.succeed() }
        guard !socket.isEmpty else {
            return change.refuse(
                Refusal(.socketNotConnected, "the device has no socket to mount; bind its driver first"))
        }
        do throws(Errno) {
            mounts[device] = try DataMount(socket, at: path, poller, change) { [reporter] event, message in
                reporter.report(event, device: device, message)
            }
        } catch {
            change.refuse(Refusal(error, "9p-mount could not be started: \(error)"))
        }
    }
}
