import Virtqueue

/// A device whose work is done by backends behind copy files and streams, one of each a queue.
public final class CopyDevice: HostDeviceModel {
    public let queues: [CopyQueue]

    public init(queueCount: Int) {
        precondition((1...4).contains(queueCount), "a device has one to four queues")
        queues = (0..<queueCount).map { _ in CopyQueue() }
    }

    /// A device on queues that were there before it.
    public init(queues: [CopyQueue]) { self.queues = queues }

    public func activate(_ queues: consuming ActiveQueues, driver: DriverLine) {
        for index in 0..<min(queues.count, self.queues.count) {
            if queues.isResumed {
                self.queues[index].resume(queues.take(index), driver: driver, life: queues.life)
            } else {
                self.queues[index].activate(queues.take(index), driver: driver, life: queues.life)
            }
        }
    }

    public func remembers(life: UInt64) -> Bool { queues.contains { $0.record?.life == life } }

    public func service() {
        for queue in queues { queue.service() }
    }

    public var hasNews: Bool? { queues.contains(where: \.hasNews) }

    public func reset() {
        for queue in queues { queue.reset() }
    }

    public func remove() {
        for queue in queues { queue.remove() }
    }

    public var queueStatistics: [QueueStatistics] { queues.map(\.statistics) }
}
