import ControlTree
import HostDevices
import LinkDaemon
import Links
import LinuxSystem
import Logging
import SystemPackage

/// What is saved of a link's devices, in one file beside the link's own: saved anew with every change, and made again
/// when the link comes up.
final class SavedDevices {
    private let directory: DeviceDirectory
    private let path: String
    private let statePath: String
    private let reporter: LinkReporter
    private var isRestoring = false

    init(_ directory: DeviceDirectory, _ plan: LinkPlan, _ reporter: LinkReporter) {
        self.directory = directory
        self.reporter = reporter
        statePath = plan.statePath
        path = "\(plan.statePath)/devices"
        directory.onChange = { [weak self] in self?.save() }
    }

    /// A failure is an event and a line in the log, and what was saved stays.
    private func save() {
        guard !isRestoring else { return }
        let objects = directory.configured.map { device in
            let settings = device.configuration.settings + [("published", device.isPublished ? "1" : "0")]
            return SavedSettings.Object(
                device.name, settings.map { SavedSettings.Setting($0.name, $0.value) })
        }
        do throws(Errno) {
            try RuntimeDirectory.make(statePath, mode: 0o700)
            try SavedSettings(objects).write(to: path)
        } catch {
            reporter.report(
                "not-saved", "\(path): \(error); the devices will come back as they were saved before",
                level: .error)
        }
    }

    /// Makes the devices again, before the link has a peer. One that cannot be made is said, and left out of what is
    /// saved by the next change.
    ///
    /// - Throws: `.configuration` for a file that cannot be used: the link does not come up, so that nothing is lost.
    func restore() throws(LinkError) {
        let saved: SavedSettings?
        do throws(SavedSettings.Failure) { saved = try SavedSettings.read(from: path) } catch {
            throw .configuration(error.description)
        }
        isRestoring = true
        defer { isRestoring = false }
        for object in saved?.objects ?? [] {
            let settings = object.settings.filter { $0.name != "published" }.map { ($0.name, $0.value) }
            let isPublished = object.settings.contains(SavedSettings.Setting("published", "1"))
            do throws(Refusal) {
                try directory.restore(object.name, settings, isPublished: isPublished)
            } catch {
                reporter.report("not-restored", device: object.name, error.message, level: .error)
            }
        }
    }
}
