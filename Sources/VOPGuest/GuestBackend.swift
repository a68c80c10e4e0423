import DevicePage
public import Links
import SharedMemory
import Virtio

/// The guest side of one link: finds the host's page, the devices on it, and probes drivers for them.
///
/// The caller owns the loop: it watches `pollDescriptor`, and calls `service()` when that is readable or
/// `nextDeadline` has come. Nothing here blocks, and everything happens on that one thread.
///
/// What the host writes is read once, checked, and kept here; a host that breaks a rule costs itself that device, which
/// fails, and nothing else.
public final class GuestBackend {
    public let link: any Link
    public let settings: GuestSettings
    public let drivers: [GuestDriverKind]

    let context: GuestContext
    /// In the order in which they were found.
    var devices: [GuestDevice] = []
    var page = PageWatch.none
    /// Slots that cannot be driven at all, until something else is there.
    var unusable: [PageOffset: DeviceEntry] = [:]
    var brokenWalk: String?
    /// The meeting that all this is about; 0 while there is none.
    var meetingID: UInt64 = 0
    /// How long a host that is away is waited for.
    var suspensionEnd: ContinuousClock.Instant?
    public private(set) var isUnloading = false
    /// How often drivers' own descriptors were ready: their users asked for something, or took an answer.
    public private(set) var driverRequestCount: UInt64 = 0

    /// - Parameters:
    ///   - link: a link whose side is guest, started by the caller.
    ///   - drivers: matched by virtio ID, the first of a type wins.
    ///   - clock: what time it is; tests bring their own.
    ///   - events: told what happens, on the link's thread.
    public init(
        link: any Link, drivers: [GuestDriverKind], settings: GuestSettings = GuestSettings(),
        clock: @escaping () -> ContinuousClock.Instant = { .now },
        events: @escaping (GuestEvent) -> Void = { _ in }
    ) {
        precondition(link.side == .guest, "a guest-backend needs the guest side of a link")
        self.link = link
        self.drivers = drivers
        self.settings = settings
        context = GuestContext(link: link, settings: settings, clock: clock, report: events)
        context.writeDown = { [unowned self] in writeDown() }
        link.ringNews = { [weak self] in self?.ringNews }
        link.isPeerAwaited = { [weak self] in self?.isHostAwaited ?? false }
    }

    // MARK: The loop

    /// Readable when `service()` has something to do.
    public var pollDescriptor: CInt { link.pollDescriptor }

    /// When to call `service()` even if nothing is readable.
    public var nextDeadline: ContinuousClock.Instant? {
        var deadline = earliest(earliest(link.nextDeadline, page.nextDeadline), suspensionEnd)
        for device in devices { deadline = earliest(deadline, device.nextDeadline) }
        return deadline
    }

    /// Does what can be done without blocking: takes doorbells, follows the host, lets drivers work.
    ///
    /// - Throws: what the link throws; the devices are as if the peer had gone.
    public func service() throws(LinkError) {
        let events: LinkEvents
        do throws(LinkError) {
            events = try link.service()
        } catch {
            peerLeft("the link failed: \(error)")
            throw error
        }
        for note in events.notes { context.tell(.linkNote, nil, note) }
        switch events.peer {
        case .arrived: peerArrived()
        case .resumed: peerResumed()
        case .gone(let reason): peerGone(reason)
        case nil: giveUpInTime()
        }
        lookForPage()
        serviceDevices(rung: events.doorbells, hasPolled: events.hasPolled)
    }

    private func serviceDevices(rung: DoorbellSet, hasPolled: Bool) {
        if case .present(_, let configDoorbell) = page, rung.contains(configDoorbell) { scan() }
        // Nothing across the link is read here: what the host asks comes with the config doorbell.
        for device in devices {
            let isAsked = context.isReady(device.driver)
            if isAsked { driverRequestCount &+= 1 }
            guard isAsked || hasPolled && device.hasNews || isDue(device, rung) else { continue }
            device.advance()
            device.serviceDriver()
        }
        dropGone()
    }

    private func isDue(_ device: GuestDevice, _ rung: DoorbellSet) -> Bool {
        if rung.contains(device.ownDoorbell) { return true }
        // The deadline is asked for first: one that is the present must not be later than what it is held against.
        return device.nextDeadline.map { $0 <= context.clock() } ?? false
    }

    /// Whether the rings of a running device have something; `nil` while none runs.
    private var ringNews: Bool? {
        var news: Bool?
        for device in devices where device.driver != nil {
            if device.hasNews { return true }
            news = false
        }
        return news
    }

    private var isHostAwaited: Bool { devices.contains { $0.driver?.isHostAwaited ?? false } }

    // MARK: The peer

    private func peerArrived() {
        // Our own link may have been stopped and started under us, which no event tells.
        peerLeft("the two met anew")
        meetingID = link.meetingID
        writeDown()
        context.tell(.linkUp)
        awaitPage()
    }

    /// Nothing of the meeting counts any more.
    func peerLeft(_ reason: String) {
        let wasUp = page.page != nil
        meetingID = 0
        suspensionEnd = nil
        context.isSuspended = false
        for device in devices { device.linkGone() }
        devices = []
        unusable = [:]
        brokenWalk = nil
        page = .none
        context.quarantined = []
        writeDown()
        if wasUp { context.tell(.linkDown, nil, reason) }
    }

    // MARK: Going down

    /// Lets go of every device and of the page (mic-abi 2.9). `isUnloaded` says when that is done; then the link may
    /// be stopped. Takes no longer than the limit of a reset.
    public func unload() {
        guard !isUnloading else { return }
        isUnloading = true
        forgetAbsentHost()
        if case .present(let page, let doorbell) = page {
            page.setConfigDoorbell(ControlBlock.noDoorbell)
            link.releaseDoorbell(doorbell)
        }
        for device in devices {
            // Another may stand in its place by now, and is not ours to mark.
            guard device.isStillThere else {
                device.vanish()
                continue
            }
            device.slot.control.beginUnload()
            device.reset(for: .unload)
        }
        dropGone()
    }

    public var isUnloaded: Bool { isUnloading && devices.isEmpty }

    /// Stops at once: drivers let go, and the peer sees the link go.
    public func stop() {
        peerLeft("stopped")
        link.stop()
    }

    func dropGone() {
        devices.removeAll { if case .gone = $0.phase { true } else { false } }
    }
}
