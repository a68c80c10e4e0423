import SharedMemory
import Virtio
public import Virtqueue

/// A life that an earlier process began: its ring goes on where it was, and what was in flight is ready again, with its
/// tokens, in order.
extension CopyQueue {
    /// Goes on with the life that the record names. Where it names another, no chain of this one was taken yet.
    public func resume(_ queue: consuming DeviceQueue, driver: DriverLine, life: UInt64) {
        guard let record, record.life == life else {
            let isUntouched = queue.usedIndexInRing == 0
            activate(queue, driver: driver, life: life)
            if !isUntouched {
                markBroken(.peer(.indexJumped(from: 0, to: chains.ring?.usedIndexInRing ?? 0, queueSize: 0)))
            }
            return
        }
        let inFlight = record.chains(size: queue.size.count)
        let takenCount = UInt16(truncatingIfNeeded: record.nextToken - record.firstToken)
        let unseenCount = takenCount &- UInt16(inFlight.count)
        let usedIndex = queue.usedIndexInRing
        let marked = inFlight.filter(\.isBeingGivenBack)
        let isShown = usedIndex == unseenCount &+ UInt16(marked.count) && !marked.isEmpty
        adopt(queue, driver: driver)
        guard isShown || usedIndex == unseenCount else {
            return markBroken(
                .peer(.indexJumped(from: unseenCount, to: usedIndex, queueSize: UInt32(size))))
        }
        for chain in marked { isShown ? record.clear(chain.head) : record.takeBack(chain.head) }
        chains.ring?.resume(takenCount: takenCount, usedCount: usedIndex)
        do throws(PeerViolation) {
            for chain in inFlight where !(isShown && chain.isBeingGivenBack) { try chains.retake(chain) }
        } catch { return markBroken(.peer(error)) }
        serve(tellsAgain: true)
    }
}

extension QueueChains {
    fileprivate mutating func retake(_ chain: InFlightRecord.Chain) throws(PeerViolation) {
        guard let retaken = try ring?.retakeChain(head: chain.head), let reader = ring?.reader(of: retaken),
            let writer = ring?.writer(of: retaken)
        else { return }
        // Whether a backend saw it is not written down; it may have.
        taken[chain.token] = TakenChain(chain: retaken, reader: reader, writer: writer, wasDelivered: true)
        ready.insert(chain.token)
    }
}
