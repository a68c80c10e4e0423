public import SharedMemory

/// What was done with one queue of a device, over all the times it was driven: counted by the link's own thread, readable
/// from any.
public final class GuestQueueCounters: Sendable {
    /// Chains shown to the device, and taken back from it.
    public let chainsSubmitted = Counter()
    public let chainsCompleted = Counter()
    /// Bytes of requests, and those that the device says it wrote.
    public let bytesReadable = Counter()
    public let bytesWritten = Counter()
    /// Available-buffer notifications, and those the device had asked not to get.
    public let notificationsSent = Counter()
    public let notificationsSuppressed = Counter()

    public init() {}
}
