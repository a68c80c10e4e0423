public import DevicePage
public import Links
import SharedMemory
import Virtio

/// The host side of one link: its device page and the devices on it. Publishes devices, follows what the guest does
/// with them, and hands their queues to device models.
///
/// The caller owns the loop: it watches `pollDescriptor`, and calls `service()` when that is readable or
/// `nextDeadline` has come. Nothing here blocks, and everything happens on that one thread. Whatever takes its time
/// ends by the completion that was handed in, called from `service()`, exactly once.
///
/// What the guest writes is read once, checked, and kept here; a guest that breaks a rule costs itself that device,
/// which is taken off the page and published again, ever less often.
public final class HostBackend {
    public let link: any Link
    public let settings: HostSettings
    let clock: () -> ContinuousClock.Instant
    let report: (HostEvent) -> Void
    var limiter: EventLimiter<HostEventKind>

    /// In the order in which they were published first.
    var devices: [HostDevice] = []
    /// While the link is up.
    var publisher: PagePublisher?
    /// What `publisher` belongs to.
    var meetingID: UInt64 = 0
    /// The peer is gone and may come back to this meeting.
    var isSuspended = false
    /// Slots, rings and doorbells the guest did not let go of in time. Nothing of them is used again before the next
    /// meeting.
    var quarantine: [HostSlot] = []
    /// The guest's config doorbell, as last looked at.
    var configDoorbell: DoorbellNumber?
    /// A guest that has just come writes its config doorbell without ringing us.
    var looks = LookPlan()
    var shutdown: Shutdown?

    /// - Parameters:
    ///   - link: a link whose side is host, started by the caller.
    ///   - clock: what time it is; tests bring their own.
    ///   - events: told what happens, on the link's thread.
    public init(
        link: any Link, settings: HostSettings = HostSettings(),
        clock: @escaping () -> ContinuousClock.Instant = { .now },
        events: @escaping (HostEvent) -> Void = { _ in }
    ) {
        precondition(link.side == .host, "a host-backend needs the host side of a link")
        self.link = link
        self.settings = settings
        self.clock = clock
        report = events
        limiter = EventLimiter(interval: settings.logInterval)
        link.ringNews = { [weak self] in self?.ringNews }
    }

    /// Whether the rings of a running device have something; `nil` while none runs, or where one's model cannot say.
    private var ringNews: Bool? {
        var news: Bool?
        for device in devices where device.isRunning && !device.isStopped {
            guard let hasNews = device.model.hasNews else { return nil }
            if hasNews { return true }
            news = false
        }
        return news
    }

    // MARK: The loop

    /// Readable when `service()` has something to do.
    public var pollDescriptor: CInt { link.pollDescriptor }

    /// When to call `service()` even if nothing is readable.
    public var nextDeadline: ContinuousClock.Instant? {
        var deadline = earliest(link.nextDeadline, looks.nextLook)
        for device in devices { deadline = earliest(deadline, nextDeadline(of: device)) }
        return deadline
    }

    /// Does what can be done without blocking: takes doorbells, follows the guest, ends what has waited too long.
    ///
    /// - Throws: what the link throws; the devices are as if the peer had gone.
    public func service() throws(LinkError) {
        let events: LinkEvents
        do throws(LinkError) {
            events = try link.service()
        } catch {
            if isUp { peerLeft("the link failed: \(error)") }
            throw error
        }
        for note in events.notes { tell(.linkNote, nil, note) }
        if let change = events.peer { peerChanged(change) }
        if isUp { serviceDevices(rung: events.doorbells, hasPolled: events.hasPolled) }
        finishShutdownIfDone()
    }

    // MARK: Devices

    /// Holds a device from now on: on the page as soon as the link is up, all at once, and again whenever it has been
    /// down.
    ///
    /// - Throws: `.nameTaken`, `.closing`, and while the link is up `.pageFull` and `.outOfMemory`; then the device is
    ///   not held.
    public func publish(
        _ description: DeviceDescription, name: String, model: any HostDeviceModel
    ) throws(HostError) {
        guard shutdown == nil else { throw .closing }
        guard !devices.contains(where: { $0.name == name }) else { throw .nameTaken(name) }
        let device = HostDevice(name: name, description: description, model: model)
        if isMet { try place(device) }
        devices.append(device)
        writeDown()
    }

    /// Takes a device off the page for good: the guest is asked to let go and goes on being served until it has, or
    /// the limit has passed. The name is free once `completion` has been called.
    ///
    /// - Throws: `.noSuchDevice`.
    public func retire(
        _ name: String, completion: @escaping (RemovalOutcome) -> Void = { _ in }
    ) throws(HostError) {
        let device = try device(named: name)
        guard device.slot != nil else {
            drop(device)
            return completion(.notPublished)
        }
        beginRemoval(of: device, for: .retire, within: nil, completion)
    }

    /// Stops a device, takes it off the page and publishes it again: what the MIC page has instead of "needs reset".
    /// One that was taken off before, because its guest broke it, comes back at once.
    ///
    /// - Throws: `.noSuchDevice`, `.retiring`.
    public func reset(_ name: String) throws(HostError) {
        let device = try device(named: name)
        guard device.removal?.purpose != .retire, shutdown == nil else { throw .retiring(name) }
        guard device.slot == nil else { return breakOff(device, because: .requested) }
        guard device.state == .needsReset || device.state == .quarantined else { return }
        device.republishing.done()
        device.state = .needsReset
        republish(device)
    }

    /// Replaces a device's config space and tells the guest.
    ///
    /// The page counts no generations, so a guest that reads meanwhile may see old and new bytes mixed; it is told
    /// after the last of them, and reads again.
    ///
    /// - Throws: `.noSuchDevice`, `.configLength` when there are more or fewer bytes than were published, `.retiring`.
    public func changeConfig(
        of name: String, to bytes: [UInt8], completion: @escaping (ConfigChangeOutcome) -> Void = { _ in }
    ) throws(HostError) {
        let device = try device(named: name)
        guard bytes.count == device.configSpace.count else {
            throw .configLength(bytes.count, expected: device.configSpace.count)
        }
        guard device.removal?.purpose != .retire, shutdown == nil else { throw .retiring(name) }
        let before = device.configSpace
        device.configSpace = bytes
        tellConfigChange(of: device, from: before, completion)
    }

    /// Every device as it is now.
    public var snapshots: [DeviceSnapshot] { devices.map(\.snapshot) }

    /// - Throws: `.noSuchDevice`.
    public func snapshot(of name: String) throws(HostError) -> DeviceSnapshot {
        try device(named: name).snapshot
    }

    /// Ring memory that is out of use because the guest did not let go of it.
    public var quarantinedByteCount: Int {
        quarantine.reduce(0) { $0 + $1.rings.reduce(0) { $0 + Int($1.region.byteCount) } }
    }

    // MARK: Insides

    func device(named name: String) throws(HostError) -> HostDevice {
        guard let device = devices.first(where: { $0.name == name }) else { throw .noSuchDevice(name) }
        return device
    }

    /// The two sides have met and there is a page.
    var isUp: Bool { publisher != nil }
    /// And the peer is there.
    var isMet: Bool { isUp && !isSuspended }

    /// A device that is nowhere any more.
    func drop(_ device: HostDevice) {
        devices.removeAll { $0 === device }
        device.endLife()
        device.model.remove()
    }

    func tell(_ kind: HostEvent.Kind, _ device: HostDevice? = nil, _ detail: String = "") {
        report(limiter.event(kind, device?.name, detail, at: clock()))
    }
}
