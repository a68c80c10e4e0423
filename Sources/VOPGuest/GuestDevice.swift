import DevicePage
import Links
import SharedMemory
import Virtio
import Virtqueue

/// One device on the host's page, by the place of its slot and this record; the page is never asked who it is.
final class GuestDevice {
    /// What a reset is for.
    enum Purpose {
        case rebind(GuestDriverKind)
        case unbind
        /// The host asked for it.
        case remove
        /// We go.
        case unload
    }

    enum Phase {
        case unbound
        case settingUp(Handshake, GuestDriverKind)
        case running(GuestDriverKind, any GuestDriver)
        case resetting(Handshake, Purpose)
        /// `isAnswerable` is false when the host did not answer: nothing more may be asked of it.
        case failed(String, isAnswerable: Bool)
        /// Let go of.
        case gone
    }

    let name: String
    /// The slot as it was found; its queues and offered features count for the device's life.
    let entry: DeviceEntry
    let slot: DeviceSlot
    /// What the host rings for us, and we for it (`nil`: none).
    let ownDoorbell: DoorbellNumber
    let hostDoorbell: DoorbellNumber?

    let backend: GuestContext
    var phase = Phase.unbound
    /// What we last wrote: the host zeroes its own copy in a reset.
    private(set) var status: DeviceStatus = []
    var negotiated: FeatureSet?
    var memory: DeviceMemory
    var queues: [GuestQueue] = []
    /// Of each queue, whoever drives it.
    let counters: [GuestQueueCounters]
    var usedAddresses: [UInt64] = []
    /// Names what its driver writes down, while it is driven; else 0.
    var life: UInt64 = 0

    /// Takes the device: from now on the host rings us for it.
    ///
    /// - Parameters:
    ///   - hostDoorbell: what the host states, checked.
    ///   - ownDoorbell: the one that an earlier process had for it, reclaimed.
    init(
        _ entry: DeviceEntry, _ slot: DeviceSlot, name: String, hostDoorbell: DoorbellNumber?,
        ownDoorbell: DoorbellNumber? = nil, backend: GuestContext
    ) {
        self.hostDoorbell = hostDoorbell
        self.name = name
        self.entry = entry
        self.slot = slot
        self.backend = backend
        counters = entry.queues.map { _ in GuestQueueCounters() }
        memory = DeviceMemory(backend.link)
        self.ownDoorbell = ownDoorbell ?? backend.link.allocateDoorbell()
        if ownDoorbell == nil { slot.control.setHostToGuestDoorbell(self.ownDoorbell.byte) }
    }

    /// Whether the slot is still this device: the host has not marked it, nor put another in its place, which would have
    /// no doorbell of ours in it.
    var isStillThere: Bool {
        slot.type == Int8(entry.type.rawValue) && slot.control.hostToGuestDoorbell == ownDoorbell.byte
    }

    var driver: (any GuestDriver)? { if case .running(_, let driver) = phase { driver } else { nil } }

    func ring() { if let hostDoorbell { backend.link.ring(hostDoorbell) } }

    /// Rings for what lies in the queues.
    func notify() { if let hostDoorbell { backend.link.notify(hostDoorbell) } }

    /// The host has given something back since the driver was last served.
    var hasNews: Bool { queues.contains { $0.ring.usedIndexInRing != $0.noticedIndex } }

    func write(status: DeviceStatus) {
        self.status = status
        slot.setStatus(status)
        ring()
    }

    func start(_ handshake: inout Handshake) -> HandshakeOutcome {
        let outcome = handshake.advance(now: backend.clock())
        if handshake.takeRing() { ring() }
        return outcome
    }

    /// Goes on with whatever handshake is under way, if it is time.
    func advance() {
        guard !backend.isSuspended else { return }
        switch phase {
        case .settingUp(var handshake, let kind):
            let outcome = start(&handshake)
            phase = .settingUp(handshake, kind)
            if outcome != .pending { finishSetUp(kind, outcome) }
        case .resetting(var handshake, let purpose):
            let outcome = start(&handshake)
            phase = .resetting(handshake, purpose)
            if outcome != .pending { finishReset(purpose, outcome) }
        case .unbound, .running, .failed, .gone:
            return
        }
    }

    var nextDeadline: ContinuousClock.Instant? {
        switch phase {
        case .settingUp(let handshake, _), .resetting(let handshake, _):
            backend.isSuspended ? nil : handshake.nextCheck
        case .running(_, let driver): driver.nextDeadline
        case .unbound, .failed, .gone: nil
        }
    }

    /// Lets the driver do what it can.
    func serviceDriver() {
        guard case .running(_, let driver) = phase else { return }
        for queue in queues { queue.noticedIndex = queue.ring.usedIndexInRing }
        do throws(GuestDriverError) {
            try driver.service()
        } catch { fail(error.description, isAnswerable: true) }
    }

    func configChanged() {
        if let driver {
            do throws(GuestDriverError) {
                try driver.configChanged()
            } catch { fail(error.description, isAnswerable: true) }
        }
        slot.control.acknowledgeConfigChange()
        ring()
        backend.tell(.configChanged, name)
    }

    /// Stops driving it. What the host was given of our memory stays out of use until a reset is answered.
    func fail(_ reason: String, isAnswerable: Bool) {
        stopDriver()
        write(status: status.union(.failed))
        phase = .failed(reason, isAnswerable: isAnswerable)
        backend.writeDown()
        backend.tell(.failed, name, reason)
    }

    func stopDriver() {
        guard case .running(_, let driver) = phase else { return }
        // Before the driver closes it: a closed descriptor cannot be unwatched.
        backend.unwatch(driver)
        driver.stop()
        queues = []
        life = 0
        phase = .unbound
    }

    /// The host touches nothing of it any more.
    func freeMemory() {
        queues = []
        usedAddresses = []
        memory.free()
    }

    /// The host may still write to it: it belongs to nobody until the link goes.
    func quarantineMemory(_ reason: String) {
        queues = []
        guard memory.byteCount > 0 else { return }
        backend.quarantined += memory.ranges
        backend.tell(
            .quarantined, name, "\(reason); \(memory.byteCount) bytes stay out of use until the link goes")
        memory = DeviceMemory(backend.link)
        backend.writeDown()
    }

    func begin(_ handshake: Handshake, _ phase: (Handshake) -> Phase) {
        var handshake = handshake
        if handshake.takeRing() { ring() }
        self.phase = phase(handshake)
    }

    /// The host was away, and is back.
    func hostIsBack() {
        let (limits, now) = (backend.settings.limits, backend.clock())
        switch phase {
        case .settingUp(var handshake, let kind):
            handshake.restart(within: limits.usedAddress, now: now)
            phase = .settingUp(handshake, kind)
        case .resetting(var handshake, let purpose):
            handshake.restart(within: limits.reset, now: now)
            phase = .resetting(handshake, purpose)
        case .running, .unbound, .failed, .gone: break
        }
        // What was rung while it was away is lost.
        ring()
        advance()
        serviceDriver()
    }

    /// As an earlier process left them.
    func restore(_ status: DeviceStatus, _ negotiated: FeatureSet) {
        self.status = status
        self.negotiated = negotiated
    }

    func setStatusSilently(_ status: DeviceStatus) {
        self.status = status
        slot.setStatus(status)
    }
}
