internal import LinuxSystem
internal import Synchronization

/// What has happened lately, for any number of `events` files in any number of trees. Any thread may record.
///
/// It keeps so many lines and forgets the oldest first. Who follows too slowly finds a line that says how many were lost.
public final class EventLog: Sendable {
    private struct State {
        var lines: [[UInt8]] = []
        /// The sequence number of `lines.first`; they count from 1.
        var first: UInt64 = 1
        var followers: [ObjectIdentifier: @Sendable () -> Void] = [:]
        var repeated = RepeatedCauses()

        var next: UInt64 { first + UInt64(lines.count) }
    }

    /// How many lines are kept.
    public let capacity: Int
    private let state = Mutex(State())

    public init(capacity: Int = 1024) { self.capacity = max(1, capacity) }

    /// Adds a line and wakes who follows.
    public func record(_ event: Event) {
        let followers = state.withLock { state in
            state.lines.append(event.line(sequence: state.next))
            // In blocks, so that forgetting costs little per line.
            if state.lines.count > capacity + capacity / 8 {
                let surplus = state.lines.count - capacity
                state.lines.removeFirst(surplus)
                state.first += UInt64(surplus)
            }
            return Array(state.followers.values)
        }
        for wake in followers { wake() }
    }

    /// Adds a line about something that others can make happen as often as they like: of one cause sixteen a minute,
    /// and then one whenever their number has doubled; `details.repeated` says to how many.
    public func record(_ event: Event, cause: String, at now: ContinuousClock.Instant = .now) {
        guard let number = state.withLock({ $0.repeated.count(cause, at: now) }) else { return }
        var event = event
        if number > RepeatedCauses.toldEach { event.details = ["repeated": "\(number)"] }
        record(event)
    }

    /// The number of the oldest line kept.
    var oldest: UInt64 { state.withLock { $0.first } }
    /// The number the next line will have.
    var next: UInt64 { state.withLock { $0.next } }

    /// All lines that are kept.
    public func retained() -> [[UInt8]] { state.withLock { $0.lines } }

    /// Whole lines from number `position` on, as many as fit `byteCount` but one at least; moves the position on.
    func take(from position: inout UInt64, byteCount: Int) -> [UInt8] {
        let wanted = position
        let (bytes, reached) = state.withLock { state -> ([UInt8], UInt64) in
            var bytes: [UInt8] = []
            var number = wanted
            if number < state.first {
                bytes += Event(
                    "lost", object: "events",
                    message: "\(state.first - number) events were lost to a slow reader",
                    details: ["count": "\(state.first - number)"]
                ).line(sequence: number)
                number = state.first
            }
            while number < state.next {
                let line = state.lines[Int(number - state.first)]
                if !bytes.isEmpty && bytes.count + line.count > byteCount { break }
                bytes += line
                number += 1
            }
            return (bytes, number)
        }
        position = reached
        return bytes
    }

    func follow(_ follower: AnyObject, _ wake: @escaping @Sendable () -> Void) {
        state.withLock { $0.followers[ObjectIdentifier(follower)] = wake }
    }

    func unfollow(_ follower: AnyObject) {
        state.withLock { _ = $0.followers.removeValue(forKey: ObjectIdentifier(follower)) }
    }
}
