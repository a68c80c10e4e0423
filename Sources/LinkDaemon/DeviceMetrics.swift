public import Commands
import Synchronization

/// What the devices of one side of a link count: who they are is told by the link's own thread, their numbers are read
/// where they are counted.
public final class DeviceMetrics: LinkMetrics {
    public struct Device: Sendable {
        public let name: String
        public let type: String
        /// A driver drives it.
        public let isRunning: Bool
        public let queues: [Queue]

        public init(name: String, type: String, isRunning: Bool, queues: [Queue]) {
            (self.name, self.type, self.isRunning, self.queues) = (name, type, isRunning, queues)
        }
    }

    public struct Queue: Sendable {
        public let index: Int
        /// Its numbers as they are now; asked for on any thread.
        public let samples: @Sendable () -> [QueueSample]

        public init(_ index: Int, samples: @escaping @Sendable () -> [QueueSample]) {
            (self.index, self.samples) = (index, samples)
        }
    }

    private let devices = Mutex<[Device]>([])

    public init() {}

    /// By the link's own thread, when they may have changed.
    public func note(_ devices: [Device]) { self.devices.withLock { $0 = devices } }

    public func write(to text: inout LinkMetricsText, link: String) {
        for device in devices.withLock({ $0 }) {
            text.add(
                .devices, ["link": link, "device": device.name, "type": device.type],
                device.isRunning ? 1 : 0)
            for queue in device.queues {
                for sample in queue.samples() { sample.write(to: &text, link, device.name, "\(queue.index)") }
            }
        }
    }
}

/// One number of a queue.
public struct QueueSample: Sendable {
    public let family: LinkMetric
    /// What sets it apart within its family.
    public let label: (name: String, word: String)?
    public let value: UInt64

    public init(_ family: LinkMetric, _ value: UInt64, _ label: (name: String, word: String)? = nil) {
        (self.family, self.label, self.value) = (family, label, value)
    }

    fileprivate func write(
        to text: inout LinkMetricsText, _ link: String, _ device: String, _ queue: String
    ) {
        if let label {
            text.add(
                family, ["link": link, "device": device, "queue": queue, label.name: label.word], value)
        } else {
            text.add(family, ["link": link, "device": device, "queue": queue], value)
        }
    }
}
