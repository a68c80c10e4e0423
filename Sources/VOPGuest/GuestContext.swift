import Links
import SharedMemory

/// What all devices of one guest-backend share.
final class GuestContext {
    let link: any Link
    let settings: GuestSettings
    let clock: () -> ContinuousClock.Instant
    /// Memory of ours that a host may still write to.
    var quarantined: [PeerRange] = []
    /// The host is away, and may come back to everything as it is.
    var isSuspended = false
    /// Writes down what a successor of this process must know of the devices.
    var writeDown: () -> Void = {}
    private let report: (GuestEvent) -> Void
    private var limiter: EventLimiter<GuestEventKind>

    init(
        link: any Link, settings: GuestSettings, clock: @escaping () -> ContinuousClock.Instant,
        report: @escaping (GuestEvent) -> Void
    ) {
        self.link = link
        self.settings = settings
        self.clock = clock
        self.report = report
        limiter = EventLimiter(interval: settings.logInterval)
    }

    func tell(_ kind: GuestEvent.Kind, _ device: String? = nil, _ detail: String = "") {
        report(limiter.event(kind, device, detail, at: clock()))
    }

    /// Where a driver writes down what its successor must know; `nil` when nothing is to outlive this process.
    func recordPath(of device: String) -> String? {
        settings.recordDirectory.map { "\($0)/driver.\(device)" }
    }

    /// A driver's own descriptor wakes the loop.
    func watch(_ driver: any GuestDriver) throws(GuestDriverError) {
        guard let descriptor = driver.pollDescriptor else { return }
        do throws(LinkError) { try link.watch(descriptor) } catch {
            guard case .system(let errno, let action) = error else { throw .unsuitable("\(error)") }
            throw .system(errno, during: action)
        }
    }

    func unwatch(_ driver: any GuestDriver) {
        if let descriptor = driver.pollDescriptor { link.unwatch(descriptor) }
    }

    /// A driver's own descriptor has something.
    func isReady(_ driver: (any GuestDriver)?) -> Bool {
        driver?.pollDescriptor.map(link.isReady) ?? false
    }
}
