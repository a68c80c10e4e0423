/// How long a host-backend waits, and how often it looks.
public struct HostSettings: Sendable, Hashable {
    /// For the guest to let go of a device that is taken away (MIC: 15 s).
    public var removalLimit: Duration = .seconds(15)
    /// The same, when nobody seems to use the device: no driver, or a guest that listens for no commands.
    public var unusedRemovalLimit: Duration = .seconds(1)
    /// For the guest to mark the slot removed once it has acknowledged (MIC guests do so right after).
    public var slotReleaseLimit: Duration = .seconds(1)
    /// For the guest to acknowledge a config change (MIC: 10 s).
    public var configChangeLimit: Duration = .seconds(10)
    /// For all devices to be let go of when the host goes down.
    public var shutdownLimit: Duration = .seconds(15)

    /// A device that its guest broke is published again after this time…
    public var republishInterval: Duration = .seconds(1)
    /// …doubled each time it happens again, up to this; a device that ran for as long without a fault starts anew.
    public var republishIntervalMaximum: Duration = .seconds(60)
    /// Rings the guest did not let go of in time stay out of use until the link goes. After so many of one device
    /// it is not published again before that.
    public var quarantineMaximum = 4

    /// Some of the guest's writes come without a doorbell. While one is expected, the page (our own memory) is
    /// looked at after this time, doubled each time up to the maximum.
    public var firstLook: Duration = .milliseconds(1)
    public var lookMaximum: Duration = .milliseconds(100)
    /// How long a guest that has just come, or has just reset a device, is watched like that.
    public var watchLimit: Duration = .seconds(16)

    /// Where the host writes down what it needs to go on with a meeting after it was killed: a file, best on tmpfs, in a
    /// directory that is this user's alone. Without one it cannot.
    public var recordPath: String?

    /// Of one device and one cause, one event in this time is worth a log line.
    public var logInterval: Duration = .seconds(60)

    public init() {}
}
