import DevicePage
import NineP
import SharedMemory
import VOPHost
import Virtio
import Virtqueue

/// A 9p device in the host's process that notes every write it carries out, and answers when it may.
final class OnceModel: HostDeviceModel {
    private final class Held {
        var queue: DeviceQueue
        init(_ queue: consuming DeviceQueue) { self.queue = queue }
    }

    private var held: Held?
    private var line: DriverLine?
    private var waiting: [(chain: DescriptorChain, isWrite: Bool, reply: [UInt8])] = []
    /// How often each offset was written.
    private(set) var applied: [UInt64: Int] = [:]
    private(set) var types: [UInt8] = []
    private(set) var lifeCount = 0
    /// Off: writes are carried out, and not answered; a client that comes back still learns whether it is known.
    var answers = true
    let queueStatistics: [QueueStatistics] = []

    func activate(_ queues: consuming ActiveQueues, driver: DriverLine) {
        held = Held(queues.take(0))
        line = driver
        lifeCount += 1
    }

    var isEachOnce: Bool { applied.values.allSatisfy { $0 == 1 } }

    func service() {
        guard let held else { return }
        do throws(PeerViolation) {
            repeat {
                while let chain = try held.queue.takeChain() { take(chain, held) }
                answerWaiting()
            } while held.queue.enableNotifications()
        } catch { line?.declareBroken(.peer(error)) }
    }

    /// The newest first, so that used elements come in another order than chains.
    func answerWaiting() {
        guard let held else { return }
        let due = waiting.filter { answers || !$0.isWrite }
        waiting.removeAll { answers || !$0.isWrite }
        for (chain, _, reply) in due.reversed() {
            var writer = held.queue.writer(of: chain)
            held.queue.complete(chain, written: UInt32(held.queue.copy(reply.span, to: &writer)))
        }
        if held.queue.publishUsed() { line?.notifyDriver() }
    }

    private func take(_ chain: DescriptorChain, _ held: Held) {
        var reader = held.queue.reader(of: chain)
        let frame = held.queue.bytes(from: &reader)
        types.append(frame[4])
        waiting.append((chain, frame[4] == RequestType.write.rawValue, reply(to: frame)))
    }

    private func reply(to frame: [UInt8]) -> [UInt8] {
        guard let (tag, request) = try? Request.decode(untrusted: frame) else { return [] }
        switch request {
        case .version(let size, let version):
            return Reply.version(maximumMessageSize: size, version: version).encoded(tag: tag)
        case .write(_, let offset, let data):
            applied[offset, default: 0] += 1
            return Reply.write(count: UInt32(data.count)).encoded(tag: tag)
        case .flush: return Reply.flush.encoded(tag: tag)
        default: return Reply.error(code: 95).encoded(tag: tag)
        }
    }

    func reset() {
        held = nil
        waiting = []
    }
    func remove() { reset() }
}
