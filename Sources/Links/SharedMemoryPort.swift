public import LinuxSystem
public import SharedMemory

/// Our way to one memory that others map as well, with doorbells to each of them: a function on the PCI bus, or a socket
/// over which somebody hands out descriptors. Who maps it is a peer, and has a number.
///
/// ```
///   closed ──open()──► looking ──.attached──► attached ──.lost──► looking …
/// ```
/// Used by its link's thread; nothing blocks. What lies in the memory is the link's business (`vop/meeting.h`).
public protocol SharedMemoryPort: AnyObject {
    /// Where it leads, for the log: a socket's path, a function's address.
    var place: String { get }

    /// Begins to look for the memory, and goes on looking until `close()`.
    ///
    /// - Throws: what can never work as it is configured; what may come right is noted by `service()`, and tried again.
    func open() throws(LinkError)
    func close()

    /// Readable when `service()` has something to do; the same for the port's life. Vectors are not among it.
    var pollDescriptor: CInt { get }
    /// When to call `service()` even if nothing is readable. Asked at every turn of a loop, so it allocates nothing.
    var nextDeadline: ContinuousClock.Instant? { get }
    /// Does what can be done without blocking, and tells what happened.
    ///
    /// - Throws: what ends the link: our fault, or the machine's.
    func service() throws(LinkError) -> SharedMemoryPortEvents

    /// The memory and what goes with it, while attached.
    var attachment: SharedMemoryAttachment? { get }
    /// Whether that peer maps the memory at present, `nil` where this port cannot know.
    func isPresent(_ peer: PeerNumber) -> Bool?
    /// Rings a vector of a peer's. One that is not there, or has no such vector, is not an error here.
    func ring(_ vector: Int, of peer: PeerNumber)
}

extension SharedMemoryPort {
    public func isPresent(_ peer: PeerNumber) -> Bool? { nil }
}

/// A memory that is mapped, and how the others reach us. It holds from `.attached` to `.lost`.
public struct SharedMemoryAttachment: Sendable {
    /// All of it; over a bridge, ours, which the other side reaches. Its pages may vanish: then it says so
    /// (`MemoryWindow.hasVanished`).
    public let memory: MemoryWindow
    /// Over a bridge, where each side has a memory of its own: our window on the other's.
    public let peerMemory: MemoryWindow?
    /// Our own number, which the others ring us by.
    public let ownNumber: PeerNumber
    /// Signalled when somebody rings our vector of that index; they are watched, and not read. Empty where the port tells
    /// of rings itself, or nobody can ring us.
    public let vectors: [EventCounter]
    /// By how many doorbells we can be rung. 0: by none, and the link looks into the memory from time to time.
    public let doorbellCount: Int

    public init(memory: MemoryWindow, ownNumber: PeerNumber, vectors: [EventCounter]) {
        self.memory = memory
        peerMemory = nil
        self.ownNumber = ownNumber
        self.vectors = vectors
        doorbellCount = min(vectors.count, MeetingLimits.doorbellCounts.upperBound)
    }

    /// Over a bridge, whose doorbells its port tells of (`SharedMemoryPortEvents.rung`).
    init(memory: MemoryWindow, peerMemory: MemoryWindow, ownNumber: PeerNumber, doorbellCount: Int) {
        self.memory = memory
        self.peerMemory = peerMemory
        self.ownNumber = ownNumber
        vectors = []
        self.doorbellCount = doorbellCount
    }

    /// Those that are used for doorbells.
    var usedVectors: ArraySlice<EventCounter> { vectors.prefix(doorbellCount) }

    var hasVanished: Bool { memory.hasVanished || peerMemory?.hasVanished ?? false }
}

/// What one `service()` of a port found.
public struct SharedMemoryPortEvents: Sendable {
    public enum Change: Sendable, Hashable {
        case attached
        /// Why, for people. The port looks for it again.
        case lost(String)
    }

    public var change: Change?
    /// Doorbells of ours that were rung, where no vector tells.
    public var rung = DoorbellSet()
    /// Those that came, and those that are gone; where a port cannot know, neither is ever told.
    public var joined: [PeerNumber] = []
    public var left: [PeerNumber] = []
    /// What happened on the way, one line each, for the log.
    public var notes: [String] = []

    public init(change: Change? = nil) { self.change = change }
}

/// Names one of those that map a memory: 16 bits, as ivshmem's doorbell register takes them.
@frozen
public struct PeerNumber: Hashable, Sendable, CustomStringConvertible {
    public let rawValue: UInt16

    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// - Returns: `nil` for a number that no peer can have (the fault of whoever stated it).
    public init?(untrusted number: Int64) {
        guard let rawValue = UInt16(exactly: number) else { return nil }
        self.rawValue = rawValue
    }

    public var description: String { String(rawValue) }
}
