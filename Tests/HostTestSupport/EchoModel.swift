import SharedMemory
import Virtio
import Virtqueue

@testable import VOPHost

/// Answers each request with its own bytes, and remembers what it was told.
final class EchoModel: HostDeviceModel {
    final class Held {
        var queue: DeviceQueue
        init(_ queue: consuming DeviceQueue) { self.queue = queue }
    }

    var calls: [String] = []
    var held: [Held] = []
    var negotiated: FeatureSet?
    var line: DriverLine?
    /// Takes chains and keeps them.
    var isLazy = false
    private(set) var kept: [DescriptorChain] = []
    var statistics = QueueStatistics()

    var queueStatistics: [QueueStatistics] { [statistics] }

    func activate(_ queues: consuming ActiveQueues, driver: DriverLine) {
        calls.append("activate")
        negotiated = queues.negotiated
        line = driver
        for index in 0..<queues.count { held.append(Held(queues.take(index))) }
    }

    func service() {
        for held in held { serve(held) }
    }

    private func serve(_ held: Held) {
        do throws(PeerViolation) {
            while let chain = try held.queue.takeChain() {
                statistics.chainsTaken += 1
                if isLazy { kept.append(chain) } else { answer(chain, held) }
            }
        } catch {
            line?.declareBroken(.peer(error))
        }
        if held.queue.publishUsed() {
            statistics.notificationsSent += 1
            line?.notifyDriver()
        }
        _ = held.queue.enableNotifications()
    }

    private func answer(_ chain: DescriptorChain, _ held: Held) {
        var reader = held.queue.reader(of: chain)
        var writer = held.queue.writer(of: chain)
        let bytes = held.queue.bytes(from: &reader)
        let written = held.queue.copy(bytes.span, to: &writer)
        held.queue.complete(chain, written: UInt32(written))
        statistics.chainsCompleted += 1
    }

    func reset() {
        calls.append("reset")
        held = []
        kept = []
        line = nil
    }

    func remove() { calls.append("remove") }
}
