import Commands
import Synchronization

/// How often what happened, by link. Any thread may count; it happens seldom enough for a lock.
final class EventTallies: Sendable {
    private struct State {
        var links: [String: [String: UInt64]] = [:]
        var refusedCount: UInt64 = 0
    }

    private let state = Mutex(State())

    func count(_ event: String, of link: String) {
        state.withLock { $0.links[link, default: [:]][event, default: 0] += 1 }
    }

    func countRefused() { state.withLock { $0.refusedCount += 1 } }

    /// The link is removed.
    func forget(_ link: String) { state.withLock { $0.links[link] = nil } }

    func write(to text: inout LinkMetricsText) {
        let state = state.withLock { $0 }
        for (link, events) in state.links.sorted(by: { $0.key < $1.key }) {
            for (event, count) in events.sorted(by: { $0.key < $1.key }) {
                text.add(.linkEvents, ["link": link, "event": event], count)
            }
        }
        text.add(.refusedRequests, [:], state.refusedCount)
    }
}
