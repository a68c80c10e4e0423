public import SharedMemory

/// What one device queue did, over all its lives: counted by the link's own thread, readable from any.
public final class QueueCounters: Sendable {
    /// Chains taken from the driver, and given back to it.
    public let chainsTaken = Counter()
    public let chainsCompleted = Counter()
    /// Bytes read from the driver's buffers, and written into them.
    public let bytesRead = Counter()
    public let bytesWritten = Counter()
    /// Chains delivered to a backend a second time, or more often.
    public let redeliveries = Counter()
    /// Used-buffer notifications, and those the driver had asked not to get.
    public let notificationsSent = Counter()
    public let notificationsSuppressed = Counter()

    public init() {}

    var statistics: QueueStatistics {
        var statistics = QueueStatistics()
        statistics.chainsTaken = chainsTaken.now
        statistics.chainsCompleted = chainsCompleted.now
        statistics.bytesRead = bytesRead.now
        statistics.bytesWritten = bytesWritten.now
        statistics.redeliveries = redeliveries.now
        statistics.notificationsSent = notificationsSent.now
        statistics.notificationsSuppressed = notificationsSuppressed.now
        return statistics
    }
}
