public import SharedMemory
public import SystemPackage
public import Virtio

/// What joins the two sides: windows of memory and doorbells. VOP is the virtio transport above it.
///
/// A link is used by one thread, its own. The caller owns the loop: it sleeps in `wait`, or watches `pollDescriptor` in a
/// poller of its own, which costs a call more; it calls `service()` when there is something or `nextDeadline` has come,
/// and acts on what comes back. Nothing but `wait` blocks.
///
/// ```
///   down ──start()──► waiting ──peer arrives──► up ──peer goes──► waiting …
/// ```
public protocol Link: AnyObject {
    var side: Side { get }
    /// The word for it in the control tree: `loopback`, `shm`, …
    var kind: String { get }
    var state: LinkState { get }

    /// Begins to look for the peer.
    func start() throws(LinkError)
    /// The peer is gone, and may come back to the meeting it was in: what lies in the windows is kept for it.
    var mayResume: Bool { get }
    /// Gives the meeting up, so that the next one is fresh: for a side that was told `resumed` and cannot go on.
    func startOver()
    /// Leaves: the peer sees it at once. Windows that others still hold stay mapped until they let go.
    func stop()

    /// Readable when `service()` has something to do, or a watched descriptor has.
    var pollDescriptor: CInt { get }
    /// Watches a descriptor of the caller's beside the link's own: `wait` ends when it is readable.
    func watch(_ descriptor: CInt) throws(LinkError)
    /// Before the descriptor is closed.
    func unwatch(_ descriptor: CInt)
    /// Waits until something is readable, `limit` has passed (`nil`: for ever) or a signal came. A `service()` that
    /// follows acts on what was found; without one before it, it looks itself.
    ///
    /// - Returns: how many descriptors had something, watched ones among them.
    @discardableResult
    func wait(for limit: Duration?) throws(LinkError) -> Int
    /// Whether a watched descriptor was readable when the link looked last, in `wait` or `service()`.
    func isReady(_ descriptor: CInt) -> Bool
    /// When to call `service()` even if nothing is readable.
    var nextDeadline: ContinuousClock.Instant? { get }
    /// Does what can be done without blocking, and tells what happened.
    func service() throws(LinkError) -> LinkEvents

    /// All windows, own and peer's, while `up`; empty otherwise.
    var addressSpace: AddressSpace { get }
    /// The windows that `side` created: all that a peer may point us at are its own.
    func windows(of side: Side) -> AddressSpace
    /// Names the meeting while `up`, else 0: a meeting that is resumed keeps it, every other has its own.
    var meetingID: UInt64 { get }
    /// Where the host's device page lies (4096 bytes, in a host window), while `up`.
    var devicePageAddress: UInt64 { get }

    /// Takes zeroed memory in our own windows. `alignment` is a power of two.
    ///
    /// - Throws: `.outOfMemory` when no free range is long enough.
    func allocate(byteCount: Int, alignment: Int) throws(LinkError) -> PeerRange
    /// Gives a range from `allocate` back.
    func free(_ range: PeerRange)
    /// Takes exactly this range of our own windows again, with its bytes, after `resumed`: an earlier life of this
    /// process had it from `allocate`. Where this process has been in the meeting all along, it is taken as it was.
    ///
    /// - Returns: false when some of it is taken, or is not ours.
    func reclaim(_ range: PeerRange) -> Bool

    /// How many doorbells there are in each direction.
    var doorbellCount: Int { get }
    /// A doorbell the peer will ring for us; the least used one, so devices may share.
    func allocateDoorbell() -> DoorbellNumber
    func releaseDoorbell(_ number: DoorbellNumber)
    /// Takes that doorbell again, as `reclaim` does a range.
    ///
    /// - Returns: false when there is no such doorbell.
    func reclaimDoorbell(_ number: DoorbellNumber) -> Bool
    /// Rings one of the peer's. Spurious rings are harmless; a peer that is gone is not an error here.
    func ring(_ number: DoorbellNumber)
    /// As `ring`, for what the peer finds in its rings by itself as long as it says that it is looking: then it is not
    /// rung. Comes after the publishing of a ring's index, with its full fence.
    func notify(_ number: DoorbellNumber)
    /// What `wait` asks while it looks before it sleeps: whether rings have something that no doorbell told. `nil`, and an
    /// answer of `nil`: nobody can say, so that it sleeps at once.
    var ringNews: (() -> Bool?)? { get set }

    /// Whether somebody here waits for something of the peer's: asked where nothing tells that the peer is gone but that it
    /// does not answer, and then from time to time only. `nil`: nobody can say.
    var isPeerAwaited: (() -> Bool)? { get set }

    var counters: LinkCounters { get }

    /// Where the two sides ask each other for tests, while `up`; `nil` for ever on a link that has no such place.
    var testLines: TestLines? { get }
    /// Told what each `service()` found, before it returns.
    var observer: ((LinkEvents) -> Void)? { get set }
}

extension Link {
    public var testLines: TestLines? { nil }
    public var observer: ((LinkEvents) -> Void)? {
        get { nil }
        set {}
    }

    /// A link that is told of its peer's end has no use for it.
    public var isPeerAwaited: (() -> Bool)? {
        get { nil }
        set {}
    }
}

@frozen
public enum LinkState: String, Sendable, Hashable {
    /// Not started, or stopped.
    case down
    /// Looking for the peer.
    case waiting
    /// Met: windows and doorbells are there.
    case up
}

/// What one `service()` found.
public struct LinkEvents: Sendable {
    public enum PeerChange: Sendable, Hashable {
        /// The two met anew: nothing of an earlier life holds; both sides start from an empty page.
        case arrived
        /// The two met again, and the meeting before goes on: windows, addresses and doorbell numbers are as they were.
        /// One side has been killed in between; bells it rang, or was rung by, may be lost, so both ring and look once.
        /// A process that has not been in that meeting itself starts with everything of its own unallocated: it
        /// reclaims what it knows to be in use.
        case resumed
        /// The peer hung up, or broke the meeting: why, for people.
        case gone(String)
    }

    public var peer: PeerChange?
    public var doorbells: DoorbellSet
    /// The rings of any device may have something although no doorbell says so.
    public var hasPolled = false
    /// What happened on the way to a meeting, one line each, for the log: who came, who was refused and why.
    public var notes: [String] = []

    public init(peer: PeerChange? = nil, doorbells: DoorbellSet = DoorbellSet()) {
        self.peer = peer
        self.doorbells = doorbells
    }
}

public enum LinkError: Error, Hashable, Sendable {
    case peer(PeerViolation)
    case system(Errno, during: String)
    /// No free range of that size in our own windows.
    case outOfMemory(byteCount: Int)
    /// Something that needs the peer, while there is none.
    case notUp
    /// An attribute of the link that is missing or out of range: which, what is allowed.
    case configuration(String)
}

extension LinkError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .peer(let violation): "the peer broke a rule: \(violation)"
        case .system(let errno, let during): "\(during): \(errno)"
        case .outOfMemory(let byteCount): "no \(byteCount) bytes are free in its windows"
        case .notUp: "it has no peer"
        case .configuration(let text): text
        }
    }
}

/// What crosses a link, by direction, seen from this side.
public final class LinkCounters: Sendable {
    /// Our accesses to the peer's memory: `reads` cross from the peer to us, `writes` from us to the peer.
    public let crossing = CrossingCounters()
    /// Doorbells, in `CrossingCounters`' places: `writes` rung by us, `reads` received.
    public let doorbells = CrossingCounters()
    /// How this side waited.
    public let waits = WaitCounters()

    public init() {}
}
