import ControlTree
import DevicePage
import HostDevices
import SystemPackage
import VOPHost
import Virtio

/// One device's directory: what is staged, and, once published, what the guest made of it.
///
/// ```
///   mkdir ──► staged ──published = 1──► held by the host-backend ──published = 0──► staged …
///               attributes, queues         config space alone
/// ```
final class DeviceNode {
    let name: String
    let directory = Directory(mode: 0o755)
    let backend: HostBackend
    weak var siblings: DeviceDirectory?
    var configuration = DeviceConfiguration() { didSet { siblings?.changed() } }
    let queueDirectory = Directory(mode: 0o755)
    var queues: [Int: QueueNode] = [:]
    /// Files whose value the guest or the host-backend changes.
    var stateNodes: [Node] = []
    /// The host-backend holds it.
    private(set) var isPublished = false {
        didSet { if isPublished != oldValue { siblings?.changed() } }
    }

    init(_ name: String, _ backend: HostBackend) {
        self.name = name
        self.backend = backend
        addAttributes()
        directory.add("queues", queueDirectory)
        queueDirectory.maker = { [weak self] name, _ throws(Refusal) in
            guard let self else { throw .removed }
            return try addQueue(name)
        }
        queueDirectory.remover = { [weak self] name, change in
            change.answer { () throws(Refusal) in try self?.removeQueue(name) }
        }
    }

    /// As the host-backend sees it; `nil` while it is only staged, or when it has gone.
    var snapshot: DeviceSnapshot? { isPublished ? try? backend.snapshot(of: name) : nil }

    func noteChange() {
        for node in stateNodes { node.noteChange() }
        for queue in queues.values { queue.noteChange() }
    }

    // MARK: On the page and off it

    func publish() throws(Refusal) {
        guard !isPublished else { return try requireStay() }
        let description: DeviceDescription
        do throws(ConfigurationError) { description = try configuration.describe() } catch {
            throw Refusal(error)
        }
        try requireOwnTag(in: configuration)
        let inOrder = queues.sorted { $0.key < $1.key }.map(\.value.queue)
        do throws(HostError) {
            try backend.publish(description, name: name, model: CopyDevice(queues: inOrder))
        } catch { throw Refusal(error) }
        isPublished = true
        noteChange()
    }

    /// On the page already is good enough, unless it is about to leave.
    private func requireStay() throws(Refusal) {
        if snapshot?.state == .retiring { throw Refusal(HostError.retiring(name)) }
    }

    /// Two devices with one mount tag on one link are one export too many for its guest.
    func requireOwnTag(in configuration: DeviceConfiguration) throws(Refusal) {
        guard let other = siblings?.device(besides: self, withTagOf: configuration) else { return }
        throw Refusal(
            .fileExists, "device \(other) of this link has the same tag; write another to tag first")
    }

    /// Takes it off the page; the guest is given its time.
    func unpublish(_ completion: @escaping (Result<Void, Refusal>) -> Void) {
        guard isPublished else { return completion(.success(())) }
        do throws(HostError) {
            try backend.retire(name) { [weak self] _ in
                // However it ended, the device is off the page; the events say how.
                self?.isNoLongerPublished()
                completion(.success(()))
            }
        } catch {
            // It went down with its host.
            isNoLongerPublished()
            completion(.success(()))
        }
    }

    private func isNoLongerPublished() {
        guard isPublished else { return }
        isPublished = false
        for queue in queues.values { queue.renew() }
        noteChange()
    }

    /// The directory is going: whoever has a queue open is told.
    func end() {
        for queue in queues.values { queue.queue.remove() }
    }

    func reset() throws(Refusal) {
        guard isPublished else {
            throw Refusal(
                .invalidArgument, "a device that is not published has nothing to reset; publish it first")
        }
        do throws(HostError) { try backend.reset(name) } catch { throw Refusal(error) }
    }

    // MARK: Changing what is staged

    /// Changes the configuration, whole or not at all.
    ///
    /// - Throws: `EBUSY` once it is published.
    func stage(
        _ change: (inout DeviceConfiguration) throws(ConfigurationError) -> Void
    ) throws(Refusal) {
        guard !isPublished else {
            throw Refusal(
                .resourceBusy, "cannot change while the device is published; write 0 to published first")
        }
        configuration = try changed(change)
    }

    func changed(
        _ change: (inout DeviceConfiguration) throws(ConfigurationError) -> Void
    ) throws(Refusal) -> DeviceConfiguration {
        var changed = configuration
        do throws(ConfigurationError) { try change(&changed) } catch { throw Refusal(error) }
        return changed
    }

    /// Gives what was added after `mkdir` to whoever has the rest.
    func adopt(_ node: Node) {
        node.assign(user: directory.ownership.user, group: directory.ownership.group)
    }
}

extension Refusal {
    /// What the file belonged to is gone.
    static let removed = Refusal(.operationNotSupportedByDevice, "has been removed")

    init(_ error: ConfigurationError) { self.init(error.errno, error.sentence) }
    init(_ error: HostError) { self.init(error.errno, error.description) }
}
