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
                LinkTimeout("session", NinePSettings(directory: sockets).graceLimit),
                LinkTimeout("resumption", standard.resumptionLimit),
                LinkTimeout("mount_reconnect", MountLimits().reconnect),
                LinkTimeout("mount_silence", MountLimits().silence),
            ], resumes: true
        ) { link, plan, reporter throws(LinkError) in
            var settings = GuestSettings()
            settings.limits.usedAddress = plan[timeout: "used_address"]
            settings.limits.reset = plan[timeout: "reset"]
            settings.pageLimit = plan[timeout: "page"]
            settings.resumptionLimit = plan[timeout: "resumption"]
            settings.recordDirectory = plan.runtimePath
            var driver = NinePSettings(directory: sockets)
            driver.graceLimit = plan[timeout: "session"]
            let limits = MountLimits(
                reconnect: plan[timeout: "mount_reconnect"], silence: plan[timeout: "mount_silence"])
            return try GuestLinkSide(link, settings, driver, limits, reporter)
        }
    }

    let devices = Directory(mode: 0o755)
    private let counted = DeviceMetrics()
    var metrics: any LinkMetrics { counted }
    private let backend: GuestBackend
    private let reporter: LinkReporter
    /// Something about the list of devices may have changed since it was last shown.
    private final class Staleness { var isStale = true }
    private let listing: Staleness
    private let mounts: DataMounts
    /// Of the devices that are there.
    private var tags: [String: String] = [:]
    private var shown: [String: Shown] = [:]

    /// What a device's directory showed when it was last looked at.
    private struct Shown: Equatable {
        let snapshot: GuestDeviceSnapshot
        let mountPath: String
    }
    private var isShuttingDown = false

    private init(
        _ link: any Link, _ settings: GuestSettings, _ driver: NinePSettings, _ limits: MountLimits,
        _ reporter: LinkReporter
    ) throws(LinkError) {
        let listing = Staleness()
        self.listing = listing
        self.reporter = reporter
        backend = GuestBackend(
            link: link, drivers: [.ninep(driver)], settings: settings,
            events: { event in
                listing.isStale = true
                reporter.report(
                    event.kind.rawValue, device: event.device, event.detail,
                    level: event.kind == .failed || event.kind == .recordFault ? .warning : .info,
                    isLogged: event.isWorthLogging)
            })
        do throws(Errno) {
            mounts = try DataMounts(limits) { event, device, message, isWarning in
                listing.isStale = true
                reporter.report(event, device: device, message, level: isWarning ? .warning : .info)
            }
        } catch { throw .system(error, during: "making a guest-backend's data mounts") }
        try link.watch(mounts.pollDescriptor)
    }

    // MARK: The loop

    var pollDescriptor: CInt { backend.pollDescriptor }

    var nextDeadline: ContinuousClock.Instant? {
        // News that came while the tree was being served, as a driver bound by hand, is for the next `service()`.
        if listing.isStale { return .now }
        return [backend.nextDeadline, mounts.nextDeadline].compactMap { $0 }.min()
    }

    /// Users of drivers ask at their sockets.
    var requestCount: UInt64 { backend.driverRequestCount }

    func service() throws(LinkError) {
        try backend.service()
        mounts.service(hasNews: listing.isStale) { backend.snapshots.compactMap(source) }
        if listing.isStale { list() }
        if isShuttingDown && mounts.areGone { backend.unload() }
    }

    func shutDown() {
        isShuttingDown = true
        // What waits for a host that is away would be waited for.
        backend.forgetAbsentHost()
        // Data mounts go first, then drivers.
        mounts.end()
        if mounts.areGone { backend.unload() }
    }

    var isShutDown: Bool { mounts.areGone && backend.isUnloaded }

    // MARK: The directory

    /// Shows the devices that are there now.
    private func list() {
        listing.isStale = false
        let snapshots = backend.snapshots
        counted.note(snapshots.map { $0.counted(backend.queueCounters(of: $0.name)) })
        let names = snapshots.map(\.name)
        for child in devices.children where !names.contains(child.name) {
            devices.remove(child.name, isForGood: false)
            tags[child.name] = nil
            shown[child.name] = nil
        }
        for snapshot in snapshots where devices[snapshot.name] == nil {
            devices.add(snapshot.name, DeviceDirectory.make(snapshot, backend, self))
        }
        for snapshot in snapshots {
            let now = Shown(snapshot: snapshot, mountPath: mountPath(of: snapshot.name))
            guard shown.updateValue(now, forKey: snapshot.name) != now else { continue }
            devices[snapshot.name]?.noteChangeThroughout()
        }
    }

    // MARK: Data mounts

    /// Nothing, for a device that has gone meanwhile.
    func mountPath(of device: String) -> String {
        guard let snapshot = try? backend.snapshot(of: device), let tag = tag(of: snapshot) else { return "" }
        return mounts.path(of: tag)
    }

    /// Mounts what a device gives at `path`, now and whenever it comes back; an empty path unmounts it.
    func mount(_ device: String, at path: String, _ change: PendingChange) {
        guard let snapshot = try? backend.snapshot(of: device), let source = source(snapshot) else {
            return change.refuse(
                Refusal(.socketNotConnected, "the device has no mount tag yet; bind its driver first"))
        }
        listing.isStale = true
        mounts.set(source, at: path, change)
    }

    private func source(_ snapshot: GuestDeviceSnapshot) -> DataMounts.Source? {
        guard let tag = tag(of: snapshot) else { return nil }
        return DataMounts.Source(device: snapshot.name, tag: tag, socket: snapshot.output("socket"))
    }

    /// The tag it has; while no driver tells it, the one it had.
    private func tag(of snapshot: GuestDeviceSnapshot) -> String? {
        let told = snapshot.output("tag")
        if !told.isEmpty { tags[snapshot.name] = told }
        return tags[snapshot.name]
    }
}

extension GuestDeviceSnapshot {
    /// What its driver gives under a name; nothing while there is none.
    func output(_ name: String) -> String { outputs.first { $0.name == name }?.value ?? "" }
}
