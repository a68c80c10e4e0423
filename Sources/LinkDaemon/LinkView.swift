import LinkExercise
public import Links
public import SharedMemory
import Synchronization

/// What others than its own thread may see of a link that is up.
public final class LinkView: Sendable {
    private struct Now {
        var state = LinkState.down
        var page: MemoryWindow?
    }

    private let now = Mutex(Now())
    public let counters: LinkCounters
    let metrics: any LinkMetrics
    /// Where tests are ordered.
    let desk: ExerciseDesk
    /// How often the link's thread was woken.
    let wakeUps = Counter()
    /// Told of a new state, or a new page, on the link's own thread.
    private let changed: @Sendable () -> Void

    init(
        _ link: any Link, _ metrics: any LinkMetrics, _ desk: ExerciseDesk,
        changed: @escaping @Sendable () -> Void
    ) {
        self.desk = desk
        counters = link.counters
        self.metrics = metrics
        self.changed = changed
    }

    public var state: LinkState { now.withLock { $0.state } }

    /// The device page's 4096 bytes, `nil` while the link has no peer. Reading it here is not counted as crossing.
    public var page: MemoryWindow? { now.withLock { $0.page } }

    /// Looks at the link anew, on its own thread.
    func refresh(from link: any Link) {
        let state = link.state
        guard self.state != state else { return }
        let page = state == .up ? Self.page(of: link) : nil
        now.withLock { $0 = Now(state: state, page: page) }
        changed()
    }

    private static func page(of link: any Link) -> MemoryWindow? {
        let space = link.addressSpace
        do throws(PeerViolation) {
            let range = try PeerRange(
                untrustedAddress: link.devicePageAddress, byteCount: UInt64(MeetingLimits.devicePageByteCount)
            )
            return try space.window(covering: range).counted(by: nil)
        } catch { return nil }
    }
}
