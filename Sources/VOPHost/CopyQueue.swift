import LinuxSystem
import SharedMemory
import Virtio
public import Virtqueue

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
    /// The ring of this life and its chains. Touched once a call: see there.
    var chains: QueueChains
    /// Who hears of them.
    private var driver: DriverLine?
    private(set) var isRemoved = false

    private var openings: [QueueOpening] = []
    private var openingCount: UInt64 = 0
    var waiting: [(opening: QueueOpening, read: any ChainRead)] = []
    private var isServing = false
    private var servesAgain = false

    /// The driver's index at the last `service()`.
    private var noticedIndex: UInt16 = 0
    /// What it did, over all lives.
    public let counters: QueueCounters

    /// - Parameters:
    ///   - firstToken: above every token that any earlier holder of this device's queue gave out in this process.
    ///   - record: where it writes down what it has taken, if it shall survive its process.
    ///   - counters: of an earlier holder, to go on counting in.
    public init(
        firstToken: UInt64 = 1, record: InFlightRecord? = nil, counters: QueueCounters = QueueCounters()
    ) {
        precondition(firstToken > 0, "token 0 names no chain")
        chains = QueueChains(
            nextToken: max(firstToken, record?.nextToken ?? 0), record: record, counters: counters)
        self.counters = counters
    }

    /// What the queue did, over all lives.
    public var statistics: QueueStatistics { counters.statistics }
    /// Chains held by openings.
    public var heldCount: Int { chains.taken.count - chains.ready.count }
    /// The descriptors of the ring of this life, 0 when there is none.
    public var size: Int { chains.ring?.size.count ?? 0 }
    /// The token of the next chain taken.
    var nextToken: UInt64 { chains.nextToken }
    /// What a successor of this process must know.
    var record: InFlightRecord? { chains.record }
    /// Nothing more is taken in this life.
    var isBroken: Bool { chains.isBroken }

    // MARK: The lives of the ring

    /// The driver is there (DRIVER_OK).
    ///
    /// - Parameter life: what the record calls it; not 0.
    public func activate(_ queue: consuming DeviceQueue, driver: DriverLine, life: UInt64 = 1) {
        precondition(!isRemoved, "a removed device comes to life")
        endLife()
        chains.ring = consume queue
        self.driver = driver
        record?.begin(life: life, nextToken: nextToken)
        serve()
    }

    /// The ring and the tokens of a life that the record tells of.
    func adopt(_ queue: consuming DeviceQueue, driver: DriverLine) {
        precondition(
            chains.ring == nil && chains.taken.count == 0, "a queue that lives goes on by itself")
        chains.ring = consume queue
        self.driver = driver
        chains.nextToken = record?.nextToken ?? nextToken
        chains.firstTokenOfLife = record?.firstToken ?? nextToken
    }

    /// The driver rang: chains may be available.
    public func service() {
        guard chains.ring != nil, !isBroken else { return }
        noticedIndex = chains.ring?.availableIndexInRing ?? 0
        serve(tellsAgain: true)
    }

    /// The driver has made something available since the last `service()`, and was not asked to keep that to itself.
    public var hasNews: Bool {
        guard !isBroken, chains.notifications != .stopped, let index = chains.ring?.availableIndexInRing
        else { return false }
        return index != noticedIndex
    }

    /// The life of the ring is over. Every opening is told once; its chains are stale.
    public func reset() {
        guard chains.ring != nil else { return }
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
        chains.endLife()
        driver = nil
        noticedIndex = 0
        for opening in openings { opening.forgetChains() }
    }

    /// The device needs a reset; until then nothing more is taken or given.
    func markBroken(_ fault: DeviceFault) {
        guard chains.ring != nil, !isBroken else { return }
        chains.isBroken = true
        driver?.declareBroken(fault)
    }

    /// Tells what was found broken while chains were taken.
    func tellFault() {
        if let fault = chains.takeFault() { driver?.declareBroken(.peer(fault)) }
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
        let id = opening.id
        for token in chains.taken.tokens(where: { $0.holder == id }) {
            chains.putBack(token, wasDelivered: true)
        }
        opening.forgetChains()
        serve()
    }

    /// Takes one more chain from the driver and makes it ready.
    ///
    /// - Returns: false when there is none. Then the driver has been asked to notify.
    func takeOne() -> Bool {
        defer { tellFault() }
        return chains.takeOne()
    }

    // MARK: Giving back

    /// Shows the driver what one call completed, and serves who waited for that.
    func finishAnswers() {
        publish()
        if chains.isBackendBroken {
            chains.isBackendBroken = false
            markBroken(.backend("VOP_COPY_BROKEN on its copy file"))
        }
        serve()
    }

    /// Shows the driver what was completed, and rings at most once.
    func publish() {
        guard let wantsToKnow = chains.publish() else { return }
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
        let available = chains.ready.count + (chains.ring?.availableCount ?? 0)
        return max(1, (available + readerCount - 1) / readerCount)
    }
}
