import Synchronization

/// How a link's thread waited. One writer, the link's own thread; any thread may read.
public final class WaitCounters: Sendable {
    public enum Field: Int, CaseIterable, Sendable {
        /// Waits that slept.
        case sleeps
        /// Looks at the rings that found something, so that no sleep was needed, and those that did not.
        case pollsFound, pollsInVain
        /// Doorbells not rung, because the peer was looking by itself.
        case doorbellsSpared
    }

    private let sleeps = Atomic<UInt64>(0)
    private let pollsFound = Atomic<UInt64>(0)
    private let pollsInVain = Atomic<UInt64>(0)
    private let doorbellsSpared = Atomic<UInt64>(0)

    public subscript(_ field: Field) -> UInt64 {
        // ORDER: relaxed; whoever looks in wants a recent value.
        switch field {
        case .sleeps: sleeps.load(ordering: .relaxed)
        case .pollsFound: pollsFound.load(ordering: .relaxed)
        case .pollsInVain: pollsInVain.load(ordering: .relaxed)
        case .doorbellsSpared: doorbellsSpared.load(ordering: .relaxed)
        }
    }

    func count(_ field: Field) {
        // ORDER: relaxed; one writer.
        switch field {
        case .sleeps: sleeps.wrappingAdd(1, ordering: .relaxed)
        case .pollsFound: pollsFound.wrappingAdd(1, ordering: .relaxed)
        case .pollsInVain: pollsInVain.wrappingAdd(1, ordering: .relaxed)
        case .doorbellsSpared: doorbellsSpared.wrappingAdd(1, ordering: .relaxed)
        }
    }
}
