import ControlTree
import HostDevices
import LinkDaemon
import Links
import LinuxSystem
import SystemPackage
import VOPHost

/// `links/<link>/devices` on the host: `mkdir` stages a device, which reaches the page when 1 is written to its
/// `published`; `rmdir` takes it away again. Used by the link's own thread.
final class DeviceDirectory {
    let node: Directory
    private let backend: HostBackend
    private var devices: [String: DeviceNode] = [:]
    /// In the order in which they were made.
    private(set) var configured: [DeviceNode] = []
    /// Where queues write down what is in flight; `nil` where they do not.
    private let recordPath: String?
    let metrics = DeviceMetrics()
    /// Told after each change of what is configured.
    var onChange: () -> Void = {}

    /// - Parameters:
    ///   - backend: the host side of that link.
    ///   - recordPath: a directory of the link's own, on tmpfs.
    ///   - mode: of the directory: who may stage devices.
    init(backend: HostBackend, recordPath: String? = nil, mode: UInt32 = 0o755) {
        self.backend = backend
        self.recordPath = recordPath
        node = Directory(mode: mode)
        node.maker = { [weak self] name, _ throws(Refusal) in
            guard let self else { throw .removed }
            return stage(name)
        }
        node.remover = { [weak self] name, change in self?.remove(name, change) }
    }

    func changed() {
        metrics.note(configured.map(\.counted))
        onChange()
    }

    /// Says that what a device shows may have changed. For the events of the backend.
    func note(_ event: HostEvent) {
        metrics.note(configured.map(\.counted))
        if let name = event.device {
            devices[name]?.noteChange()
        } else {
            for device in devices.values { device.noteChange() }
        }
    }

    /// The published device, other than that one, by whose mount tag a guest would find another export.
    func device(besides other: DeviceNode, withTagOf configuration: DeviceConfiguration) -> String? {
        guard let tag = configuration.value(of: "tag") else { return nil }
        return devices.values.first {
            $0 !== other && $0.isPublished && $0.configuration.type == configuration.type
                && $0.configuration.value(of: "tag") == tag
        }?.name
    }

    private func stage(_ name: String) -> Node {
        let device = DeviceNode(name, backend)
        device.siblings = self
        devices[name] = device
        configured.append(device)
        changed()
        return device.directory
    }

    // MARK: Saved

    /// Makes a device again as it was configured.
    func restore(
        _ name: String, _ settings: [(name: String, value: String)], isPublished: Bool
    ) throws(Refusal) {
        let made = try node.make(
            name, for: Requester(user: ProcessOwner.user, group: ProcessOwner.group, process: 0))
        made.assign(user: ProcessOwner.user, group: ProcessOwner.group)
        guard let device = devices[name] else { return }
        try device.restore(settings)
        if isPublished { try device.publish() }
    }

    /// Where a queue writes down what is in flight.
    func makeRecord(_ device: String, _ queue: Int) -> InFlightRecord? {
        guard let path = recordFile(device, queue) else { return nil }
        do throws(Errno) { return try InFlightRecord(at: path) } catch {
            noRecord(path, error)
            return nil
        }
    }

    /// Told when there is none: the device will be reset when this process is killed.
    var noRecord: (_ path: String, _ errno: Errno) -> Void = { _, _ in }

    private func recordFile(_ device: String, _ queue: Int) -> String? {
        recordPath.map { "\($0)/queue.\(queue).\(device)" }
    }

    private func remove(_ name: String, _ change: PendingChange) {
        guard let device = devices[name] else {
            return change.refuse(Refusal(.noSuchFileOrDirectory, "does not exist"))
        }
        device.unpublish { [weak self] outcome in
            if case .failure(let refusal) = outcome { return change.refuse(refusal) }
            self?.forget(device)
            change.succeed()
        }
    }

    private func forget(_ device: DeviceNode) {
        // Asked twice, it may be gone already.
        guard devices[device.name] === device else { return }
        devices[device.name] = nil
        configured.removeAll { $0 === device }
        device.end()
        node.remove(device.name)
        for queue in 0..<DeviceConfiguration.maximumQueueCount {
            guard let path = recordFile(device.name, queue) else { break }
            do throws(Errno) { try WholeFile.remove(path) } catch { noRecord(path, error) }
        }
        changed()
    }
}
