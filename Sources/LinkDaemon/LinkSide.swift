public import ControlTree
public import Links
public import Virtio

/// One side of one link as a daemon runs it: a backend on the link, and the directory that shows its devices.
///
/// Made, used and dropped on the link's own thread. The thread waits on the link, beside which the side watches what it
/// has of its own, and calls `service()` when there is something or `nextDeadline` has come.
public protocol LinkSide: AnyObject {
    /// Readable when `service()` has something to do: the link's.
    var pollDescriptor: CInt { get }
    var nextDeadline: ContinuousClock.Instant? { get }
    func service() throws(LinkError)
    /// How often its own users have asked something of it, other than through its tree: a doorbell that goes with no such
    /// request, again and again, is not urgent.
    var requestCount: UInt64 { get }

    /// What `links/<link>/devices` shows.
    var devices: Directory { get }

    /// What it counts.
    var metrics: any LinkMetrics { get }

    /// Begins to let go of every device, within the limits of the link's timeouts.
    func shutDown()
    /// True once that is done.
    var isShutDown: Bool { get }
}

/// What sets one daemon apart from the other: its side, its waits, and how it makes a `LinkSide`.
public struct LinkSideKind: Sendable {
    public typealias Maker =
        @Sendable (_ link: any Link, _ plan: LinkPlan, _ reporter: LinkReporter) throws(LinkError) ->
        any LinkSide

    public let side: Virtio.Side
    public let timeouts: [LinkTimeout]
    /// It goes on with a meeting's devices after it was killed, when the meeting is resumed.
    public let resumes: Bool
    public let make: Maker

    public init(
        side: Virtio.Side, timeouts: [LinkTimeout], resumes: Bool = false, make: @escaping Maker
    ) {
        self.side = side
        self.resumes = resumes
        self.timeouts = timeouts
        self.make = make
    }
}

/// A wait that a link's owner may set, as `timeouts/<name>`.
public struct LinkTimeout: Sendable, Hashable {
    public let name: String
    public let standard: Duration

    public init(_ name: String, _ standard: Duration) {
        self.name = name
        self.standard = standard
    }

    /// What may be written.
    public static let range: ClosedRange<Duration> = .milliseconds(1) ... .seconds(3600)
}
