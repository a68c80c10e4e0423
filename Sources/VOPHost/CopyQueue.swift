import LinuxSystem
import SharedMemory
import Virtio
public import Virtqueue

/// What the driver was told last of notifications.
private enum NotificationWish {
    case unsaid
    case asked
    case stopped
}

/// One device queue as its backends see it, over all the lives of the ring behind it. Knows who has which chain; the
/// openings below say how chains are handed over.
///
/// ```
///                  ┌────────────── ready: tokens in order ◄── put back: close, lost reply
///   ring ──take──► token           │
///                                  └─deliver─► held by one opening ─answer─► completed ──publish──► ring
///   reset: all of these are stale, every opening is told once; removal: ENODEV for good
/// ```
///
/// Used by one thread: the link's own.
public final class CopyQueue {
    /// The ring of this life, and who hears of it.
    var ring: DeviceQueue?
    private var driver: DriverLine?
    /// Nothing more is taken in this life.
    private(set) var isBroken = false
    private(set) var isRemoved = false
    /// A backend has said that the device is broken, in the write being applied.
    var isBackendBroken = false

    /// What a successor of this process must know.
    let record: InFlightRecord?
    /// The token of the next chain taken: tokens count up, over all lives.
    private(set) var nextToken: UInt64
    /// Tokens below this are of an earlier life.
    private(set) var firstTokenOfLife: UInt64
    var taken = TokenTable<TakenChain>()
    var ready = ReadyTokens()

    private var openings: [QueueOpening] = []
    private var openingCount: UInt64 = 0
    var waiting: [(opening: QueueOpening, read: any ChainRead)] = []
    private var isServing = false
    private var servesAgain = false

    private var notifications = NotificationWish.unsaid
    /// The driver's index at the last `service()`.
    private var noticedIndex: UInt16 = 0
    /// What it did, over all lives.
    public let counters: QueueCounters
    /// Heads of chains completed and not shown to the driver.
    private var unpublished: [UInt16] = []
    /// The number of the batch of answers being checked.
    var answerBatch: UInt64 = 0

    /// - Parameters:
    ///   - firstToken: above every token that any earlier holder of this device's queue gave out in this process.
    ///   - record: where it writes down what it has taken, if it shall survive its process.
    ///   - counters: of an earlier holder, to go on counting in.
    public init(
        firstToken: UInt64 = 1, record: InFlightRecord? = nil, counters: QueueCounters = QueueCounters()
    ) {
        precondition(firstToken > 0, "token 0 names no chain")
        nextToken = max(firstToken, record?.nextToken ?? 0)
        firstTokenOfLife = nextToken
        self.record = record
        self.counters = counters
    }

    /// What the queue did, over all lives.
    public var statistics: QueueStatistics { counters.statistics }
    /// Chains held by openings.
    public var heldCount: Int { taken.count - ready.count }
    /// The descriptors of the ring of this life, 0 when there is none.
    public var size: Int { ring?.size.count ?? 0 }

    // MARK: The lives of the ring

    /// The driver is there (DRIVER_OK).
    ///
    /// - Parameter life: what the record calls it; not 0.
    public func activate(_ queue: consuming DeviceQueue, driver: DriverLine, life: UInt64 = 1) {
        precondition(!isRemoved, "a removed device comes to life")
        endLife()
        ring = consume queue
        self.driver = driver
        record?.begin(life: life, nextToken: nextToken)
        serve()
    }

    /// The ring and the tokens of a life that the record tells of.
    func adopt(_ queue: consuming DeviceQueue, driver: DriverLine) {
        precondition(ring == nil && taken.count == 0, "a queue that lives goes on by itself")
        ring = consume queue
        self.driver = driver
        nextToken = record?.nextToken ?? nextToken
        firstTokenOfLife = record?.firstToken ?? nextToken
    }

    /// The driver rang: chains may be available.
    public func service() {
        guard ring != nil, !isBroken else { return }
        noticedIndex = ring?.availableIndexInRing ?? 0
        serve(tellsAgain: true)
    }

    /// The driver has made something available since the last `service()`, and was not asked to keep that to itself.
    public var hasNews: Bool {
        guard !isBroken, notifications != .stopped, let index = ring?.availableIndexInRing else {
            return false
        }
        return index != noticedIndex
    }

    /// The life of the ring is over. Every opening is told once; its chains are stale.
    public func reset() {
        guard ring != nil else { return }
        endLife()
        for opening in openings { opening.owesReset = true }
        serve()
    }

    /// The device is gone for good.
    public func remove() {
        endLife()
        isRemoved = true
        serve()
    }

    private func endLife() {
        ring = nil
        driver = nil
        record?.end()
        unpublished.removeAll(keepingCapacity: true)
        isBroken = false
        isBackendBroken = false
        notifications = .unsaid
        noticedIndex = 0
        firstTokenOfLife = nextToken
        taken.removeAll()
        ready.removeAll()
        for opening in openings { opening.forgetChains() }
    }

    /// The device needs a reset; until then nothing more is taken or given.
    func markBroken(_ fault: DeviceFault) {
        guard ring != nil, !isBroken else { return }
        isBroken = true
        driver?.declareBroken(fault)
    }

    // MARK: Openings

    /// A new open file on the queue's copy file.
    ///
    /// - Parameter readinessChanged: called when what `poll` says may have grown.
    public func openCopy(readinessChanged: @escaping () -> Void = {}) -> QueueOpening {
        adopt(CopyOpening(self, nextOpeningID(), readinessChanged))
    }

    /// A new open file on the queue's stream.
    public func openStream(readinessChanged: @escaping () -> Void = {}) -> QueueOpening {
        adopt(StreamOpening(self, nextOpeningID(), readinessChanged))
    }

    private func adopt(_ opening: QueueOpening) -> QueueOpening {
        openings.append(opening)
        return opening
    }

    private func nextOpeningID() -> OpeningID {
        openingCount += 1
        return OpeningID(rawValue: openingCount)
    }

    /// Takes an opening out. Its chains return to the head of the queue, in order, from their beginning.
    func close(_ opening: QueueOpening) {
        guard openings.contains(where: { $0 === opening }) else { return }
        openings.removeAll { $0 === opening }
        waiting.removeAll { $0.opening === opening }
        for token in taken.tokens(where: { $0.holder == opening.id }) { putBack(token, wasDelivered: true) }
        opening.forgetChains()
        serve()
    }

    /// Makes a chain ready for anybody again.
    func putBack(_ token: UInt64, wasDelivered: Bool) {
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

    // MARK: Taking

    /// Takes one more chain from the driver and makes it ready.
    ///
    /// - Returns: false when there is none. Then the driver has been asked to notify.
    func takeOne() -> Bool {
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
        } catch { markBroken(.peer(error)) }
        return false
    }

    private func makeReady(_ chain: DescriptorChain) {
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
    private func askForNotifications() -> Bool {
        guard notifications != .asked else { return false }
        notifications = .asked
        return ring?.enableNotifications() ?? false
    }

    /// While chains wait to be read, the driver's doorbells say nothing new.
    func stopNotifications() {
        guard notifications != .stopped, !(ring?.isEmpty ?? true) else { return }
        notifications = .stopped
        ring?.disableNotifications()
    }

    // MARK: Giving back

    /// Completes a chain; the driver sees it after `publish()`.
    func complete(_ token: UInt64) {
        guard let held = taken.take(token) else { return }
        record?.beginGivingBack(held.chain.head)
        ring?.complete(held.chain, written: held.written)
        unpublished.append(held.chain.head)
        counters.chainsCompleted.add()
    }

    /// Shows the driver what was completed, and rings at most once.
    func publish() {
        guard !unpublished.isEmpty else { return }
        KillPoint.reach(.beforeUsedIndex)
        guard let wantsToKnow = ring?.publishUsed() else { return }
        KillPoint.reach(.afterUsedIndex)
        if let record { for head in unpublished { record.clear(head) } }
        unpublished.removeAll(keepingCapacity: true)
        if wantsToKnow {
            counters.notificationsSent.add()
            driver?.notifyDriver()
        } else {
            counters.notificationsSuppressed.add()
        }
    }

    // MARK: Serving

    /// Answers the reads that can be answered, in the order in which they came, and tells the openings whose
    /// readiness has grown; all that are ready where something new may have come.
    func serve(tellsAgain: Bool = false) {
        guard !isServing else {
            servesAgain = true
            return
        }
        isServing = true
        repeat {
            servesAgain = false
            serveOnce()
        } while servesAgain
        isServing = false
        for opening in openings { opening.tellReadiness(again: tellsAgain) }
    }

    private func serveOnce() {
        var left: [(opening: QueueOpening, read: any ChainRead)] = []
        var reads = waiting
        waiting.removeAll()
        reads.removeAll { $0.read.isOver }
        for (index, (opening, read)) in reads.enumerated() {
            switch opening.attempt(read, share: share(among: reads.count - index)) {
            case .answered: break
            case .lost: servesAgain = true
            case .nothing: left.append((opening, read))
            }
        }
        waiting = left + waiting
    }

    /// How many chains one of several waiting readers gets: they work beside each other.
    private func share(among readerCount: Int) -> Int {
        guard readerCount > 1 else { return .max }
        let available = ready.count + (ring?.availableCount ?? 0)
        return max(1, (available + readerCount - 1) / readerCount)
    }
}
