import ControlTree
import CopyFile
import HostDevices
import VOPHost
import Virtio

/// One queue's directory: its size, what it did, and the files through which backends serve it.
final class QueueNode {
    let directory = Directory(mode: 0o755)
    private(set) var queue: CopyQueue
    private let index: Int
    private weak let device: DeviceNode?
    private var stateNodes: [Node] = []

    init(_ index: Int, of device: DeviceNode) {
        self.index = index
        self.device = device
        queue = CopyQueue(record: device.siblings?.makeRecord(device.name, index))
        addSize()
        addState("state") { $0.snapshot?.isRunning == true ? "running" : "stopped" }
        addState("vring") { $0.vring?.text ?? "" }
        addState("stats") { $0.statisticsText }
        addState("copy_max") { _ in "\(CopyLimits.callByteCount)" }
        addStream("copy") { $0.openCopy(readinessChanged: $1) }
        addStream("stream") { $0.openStream(readinessChanged: $1) }
    }

    func noteChange() {
        for node in stateNodes { node.noteChange() }
    }

    /// The device is off the page for good, and may come back: its open files are at their end, new ones wait for the
    /// next life.
    func renew() { queue = queue.successor() }

    private var snapshot: DeviceSnapshot.Queue? {
        guard let queues = device?.snapshot?.queues, queues.indices.contains(index) else { return nil }
        return queues[index]
    }

    /// Nothing, for a device that has gone meanwhile.
    private var vring: VringSnapshot? {
        guard let device else { return nil }
        return (try? device.backend.vring(of: device.name, queue: index)) ?? nil
    }

    private func addSize() {
        directory.add(
            "size",
            Attribute(
                mode: 0o644,
                show: { [weak device, index] in device?.configuration.queueSizes[index]?.description ?? "" },
                change: { [weak device, index] text, change in
                    change.answer { () throws(Refusal) in
                        try device?.stage { configuration throws(ConfigurationError) in
                            try configuration.setQueueSize(index, to: text.trimmed)
                        }
                    }
                }))
    }

    private func addState(_ name: String, _ show: @escaping (QueueNode) -> String) {
        stateNodes.append(
            directory.add(name, Attribute(mode: 0o444, show: { [weak self] in self.map(show) ?? "" })))
    }

    private func addStream(
        _ name: String,
        _ open: @escaping (CopyQueue, _ readinessChanged: @escaping () -> Void) -> QueueOpening
    ) {
        directory.add(
            name,
            StreamNode { [weak self] opening throws(Refusal) in
                guard let queue = self?.queue else { throw .removed }
                let readiness = opening.readiness
                return QueueFile(open(queue, { readiness.changed() }))
            })
    }

    private var statisticsText: String {
        let counts = queue.statistics
        return """
            chains_taken \(counts.chainsTaken)
            chains_completed \(counts.chainsCompleted)
            chains_held \(queue.heldCount)
            bytes_read \(counts.bytesRead)
            bytes_written \(counts.bytesWritten)
            notifications_sent \(counts.notificationsSent)
            notifications_suppressed \(counts.notificationsSuppressed)
            """
    }
}
