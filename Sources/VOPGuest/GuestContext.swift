import Links
import LinuxSystem
import SystemPackage

/// What all devices of one guest-backend share.
final class GuestContext {
    let link: any Link
    let settings: GuestSettings
    let clock: () -> ContinuousClock.Instant
    let poller: Poller
    /// Memory of ours that a host may still write to.
    var quarantinedByteCount: UInt64 = 0
    private let report: (GuestEvent) -> Void
    private var limiter: EventLimiter

    init(
        link: any Link, settings: GuestSettings, clock: @escaping () -> ContinuousClock.Instant,
        report: @escaping (GuestEvent) -> Void
    ) throws(Errno) {
        self.link = link
        self.settings = settings
        self.clock = clock
        self.report = report
        limiter = EventLimiter(interval: settings.logInterval)
        poller = try Poller()
        try poller.add(link.pollDescriptor, .readable, token: 0)
    }

    func tell(_ kind: GuestEvent.Kind, _ device: String? = nil, _ detail: String = "") {
        report(limiter.event(kind, device, detail, at: clock()))
    }

    /// A driver's own descriptor wakes the loop.
    func watch(_ driver: any GuestDriver) throws(GuestDriverError) {
        guard let descriptor = driver.pollDescriptor else { return }
        do throws(Errno) {
            try poller.add(descriptor, .readable, token: UInt64(descriptor) + 1)
        } catch { throw .system(error, during: "watching a driver") }
    }

    func unwatch(_ driver: any GuestDriver) {
        guard let descriptor = driver.pollDescriptor else { return }
        do throws(Errno) { try poller.remove(descriptor) } catch { return }
    }

    /// The descriptors of drivers that have something.
    func readyDescriptors() throws(Errno) -> Set<UInt64> {
        var ready: Set<UInt64> = []
        try poller.wait(for: .zero) { ready.insert($0.token) }
        return ready
    }
}
