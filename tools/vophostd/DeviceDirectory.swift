import ControlTree
import HostDevices
import SystemPackage
import VOPHost

/// `links/<link>/devices` on the host: `mkdir` stages a device, which reaches the page when 1 is written to its
/// `published`; `rmdir` takes it away again. Used by the link's own thread.
final class DeviceDirectory {
    let node: Directory
    private let backend: HostBackend
    private var devices: [String: DeviceNode] = [:]

    /// - Parameters:
    ///   - backend: the host side of that link.
    ///   - mode: of the directory: who may stage devices.
    init(backend: HostBackend, mode: UInt32 = 0o755) {
        self.backend = backend
        node = Directory(mode: mode)
        node.maker = { [weak self] name, _ throws(Refusal) in
            guard let self else { throw .removed }
            return stage(name)
        }
        node.remover = { [weak self] name, change in self?.remove(name, change) }
    }

    /// Says that what a device shows may have changed. For the events of the backend.
    func note(_ event: HostEvent) {
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
        return device.directory
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
        device.end()
        node.remove(device.name)
    }
}
