import LinuxSystem
import SharedMemory
import Virtqueue

/// What the driver was told last of notifications.
enum NotificationWish {
    case unsaid
    case asked
    case stopped
}

/// The ring of a queue's life and the chains taken from it: one value, which a call touches once. What a class stores is
/// checked for exclusive access at each touch, and chain by chain that was a third of what a small chain cost.
///
/// Calls nobody back: a fault it meets stays in `fault` until its owner tells it.
struct QueueChains: ~Copyable {
    /// The ring of this life.
    var ring: DeviceQueue?
    /// Nothing more is taken in this life.
    var isBroken = false
    /// What the driver broke, until somebody is told.
    private var fault: PeerViolation?
    /// A backend has said that the device is broken, in the write being applied.
    var isBackendBroken = false

    /// What a successor of this process must know.
    let record: InFlightRecord?
    /// What the queue did, over all lives.
    let counters: QueueCounters
    /// The token of the next chain taken: tokens count up, over all lives.
    var nextToken: UInt64
    /// Tokens below this are of an earlier life.
    var firstTokenOfLife: UInt64
    var taken = TokenTable<TakenChain>()
    var ready = ReadyTokens()

    var notifications = NotificationWish.unsaid
    /// Heads of chains completed and not shown to the driver.
    private var unpublished: [UInt16] = []
    /// The number of the batch of answers being checked.
    var answerBatch: UInt64 = 0

    init(nextToken: UInt64, record: InFlightRecord?, counters: QueueCounters) {
        (self.nextToken, self.record, self.counters) = (nextToken, record, counters)
        firstTokenOfLife = nextToken
    }

    /// The life of the ring is over; its tokens are stale.
    mutating func endLife() {
        ring = nil
        record?.end()
        unpublished.removeAll(keepingCapacity: true)
        isBroken = false
        fault = nil
        isBackendBroken = false
        notifications = .unsaid
        firstTokenOfLife = nextToken
        taken.removeAll()
        ready.removeAll()
    }

    /// What the driver broke and nobody was told of.
    mutating func takeFault() -> PeerViolation? {
        guard fault != nil else { return nil }
        defer { fault = nil }
        return fault
    }

    // MARK: Taking

    /// Takes one more chain from the driver and makes it ready.
    ///
    /// - Returns: false when there is none. Then the driver has been asked to notify.
    mutating func takeOne() -> Bool {
        guard ring != nil, !isBroken else { return false }
        do throws(PeerViolation) {
            // Looked at twice: a chain may have come before the driver knew that it has to notify. More often would
            // not help where the ring holds what cannot be kept until another chain is completed.
            for _ in 0..<2 {
                if let chain = try ring?.takeChain() ?? nil {
                    makeReady(chain)
                    return true
                }
                guard askForNotifications() else { return false }
            }
        } catch {
            isBroken = true
            fault = error
        }
        return false
    }

    private mutating func makeReady(_ chain: DescriptorChain) {
        guard let reader = ring?.reader(of: chain), let writer = ring?.writer(of: chain) else { return }
        record?.take(chain.head, token: nextToken)
        KillPoint.reach(.afterTake)
        taken[nextToken] = TakenChain(chain: chain, reader: reader, writer: writer)
        ready.insert(nextToken)
        nextToken += 1
        counters.chainsTaken.add()
        // The event index asks for one notification only.
        if ring?.usesEventIndex ?? false { notifications = .unsaid }
    }

    /// - Returns: true when chains have come meanwhile.
    private mutating func askForNotifications() -> Bool {
        guard notifications != .asked else { return false }
        notifications = .asked
        return ring?.enableNotifications() ?? false
    }

    /// While chains wait to be read, the driver's doorbells say nothing new.
    mutating func stopNotifications() {
        guard notifications != .stopped, !(ring?.isEmpty ?? true) else { return }
        notifications = .stopped
        ring?.disableNotifications()
    }

    /// The oldest chain that nobody holds.
    mutating func oldestReady() -> UInt64? {
        if ready.isEmpty { _ = takeOne() }
        return ready.oldest
    }

    /// Makes a chain ready for anybody again.
    mutating func putBack(_ token: UInt64, wasDelivered: Bool) {
        guard var held = taken[token], let reader = ring?.reader(of: held.chain),
            let writer = ring?.writer(of: held.chain)
        else { return }
        held.reader = reader
        held.writer = writer
        held.written = 0
        held.holder = nil
        held.wasDelivered = held.wasDelivered || wasDelivered
        taken[token] = held
        ready.insert(token)
    }

    // MARK: Giving back

    /// Completes a chain; the driver sees it after `publish()`.
    mutating func complete(_ token: UInt64) {
        guard let held = taken.take(token) else { return }
        record?.beginGivingBack(held.chain.head)
        ring?.complete(held.chain, written: held.written)
        unpublished.append(held.chain.head)
        counters.chainsCompleted.add()
    }

    /// Shows the driver what was completed.
    ///
    /// - Returns: whether it asked to be told; `nil` when there is nothing to show.
    mutating func publish() -> Bool? {
        guard !unpublished.isEmpty else { return nil }
        KillPoint.reach(.beforeUsedIndex)
        guard let wantsToKnow = ring?.publishUsed() else { return nil }
        KillPoint.reach(.afterUsedIndex)
        if let record { for head in unpublished { record.clear(head) } }
        unpublished.removeAll(keepingCapacity: true)
        return wantsToKnow
    }
}
