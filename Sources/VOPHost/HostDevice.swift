import DevicePage
import Links
import Virtio

/// A device that the host-backend holds, on the page or not. What is believed of it is kept here, never in the page.
final class HostDevice {
    let name: String
    let description: DeviceDescription
    let model: any HostDeviceModel
    /// As published last, or as it will be next: config changes are kept.
    var configSpace: [UInt8]

    var state = DeviceState.waiting
    /// Its place on the page, from publishing until the guest has let go or the link is gone.
    var slot: HostSlot?
    /// As last accepted.
    var status = DeviceStatus()
    /// Read once, when the driver says that they are final.
    var negotiated: FeatureSet?
    /// Names the life of its queues, for a successor of this process.
    var life: UInt64 = 0
    /// Open while the queues live: the device is running.
    var line: DriverLine?

    var removal: Removal?
    var configChange: ConfigChange?
    /// An acknowledgement of a config change that came too late is still to come, and must not be taken for the
    /// next one's.
    var owesAcknowledgement = false
    var looks = LookPlan()

    /// Found between two calls of `service()`; acted on in the next.
    var pendingFault: DeviceFault?
    var lastFault: DeviceFault?
    var resetCount: UInt64 = 0
    var quarantineCount = 0
    var republishing = Republishing()

    init(name: String, description: DeviceDescription, model: any HostDeviceModel) {
        self.name = name
        self.description = description
        self.model = model
        configSpace = description.config
    }

    var isRunning: Bool { line != nil }

    /// Nothing of it is served any more, whatever the guest does.
    var isStopped = false

    /// The life of the queues ends: the model drops them, and nothing is believed of what the guest said.
    func endLife() {
        status = []
        negotiated = nil
        slot?.forgetGuest()
        guard let line else { return }
        line.close()
        self.line = nil
        model.reset()
    }

    /// The slot is no more, or no longer ours.
    func leavePage() {
        slot = nil
        owesAcknowledgement = false
        pendingFault = nil
        isStopped = false
        looks.stop()
    }
}

/// Taking a device off the page: asked for, until the guest has let go or the deadline has come.
struct Removal {
    enum Purpose {
        /// For good.
        case retire
        /// To publish it again, since MIC's page has no way to tell the guest that a device needs a reset.
        case republish
    }

    var purpose: Purpose
    var completions: [(RemovalOutcome) -> Void] = []
    private(set) var nextCheck: ContinuousClock.Instant
    /// `nil` where the guest has let go without being asked.
    private var handshake: Handshake?
    /// The deadline, where it became an earlier one than what was asked with.
    private var hurriedDeadline: ContinuousClock.Instant?
    /// When the place may be used again although the guest may not have written its last mark.
    private var restsUntil: ContinuousClock.Instant?

    /// Asks the guest to let go.
    init(_ purpose: Purpose, of slot: DeviceSlot, within limit: Duration, now: ContinuousClock.Instant) {
        self.purpose = purpose
        handshake = Handshake(.hotRemove, of: slot, within: limit, now: now)
        nextCheck = now
    }

    /// The guest has let go by itself; its place rests until then.
    init(republishingAfter instant: ContinuousClock.Instant) {
        purpose = .republish
        restsUntil = instant
        nextCheck = instant
    }

    /// Looks once. A guest marks the slot removed and acknowledges, in either order: after both it writes nothing
    /// there any more, after one of them its place rests for `rest`. So it does where `isUnloading`, since such a
    /// guest takes its marks back afterwards.
    mutating func advance(
        _ slot: DeviceSlot, now: ContinuousClock.Instant, rest: Duration, isUnloading: Bool
    ) -> HandshakeOutcome {
        nextCheck = now.advanced(by: Handshake.checkInterval)
        if restsUntil == nil && slot.isRemoved {
            let isDone = slot.control.isCommandAcknowledged && !isUnloading
            restsUntil = isDone ? now : now.advanced(by: rest)
        }
        guard let restsUntil else { return advanceHandshake(now, rest: rest) }
        guard now >= restsUntil || slot.control.isCommandAcknowledged && !isUnloading else {
            nextCheck = min(nextCheck, restsUntil)
            return .pending
        }
        return .acknowledged
    }

    private mutating func advanceHandshake(_ now: ContinuousClock.Instant, rest: Duration) -> HandshakeOutcome
    {
        guard let outcome = handshake?.advance(now: now) else { return .acknowledged }
        nextCheck = earliest(handshake?.nextCheck, hurriedDeadline) ?? nextCheck
        switch outcome {
        case .acknowledged:
            // Marked between our look and the handshake's, which has taken the acknowledgement back.
            restsUntil = now.advanced(by: rest)
            return .pending
        case .pending: return hurriedDeadline.map { now >= $0 } ?? false ? .timedOut : .pending
        case .timedOut, .peerGone: return outcome
        }
    }

    /// Gives the guest no longer than until `deadline`.
    mutating func hurry(by deadline: ContinuousClock.Instant) {
        hurriedDeadline = earliest(hurriedDeadline, deadline)
        nextCheck = min(nextCheck, deadline)
    }

    /// True once after the guest was asked: its config doorbell is to be rung.
    mutating func takeRing() -> Bool { handshake?.takeRing() ?? false }
}

/// How a removal ended.
@frozen
public enum RemovalOutcome: String, Sendable, Hashable {
    /// The guest let go, or had never held on: everything is free.
    case released
    /// The guest did not let go in time: slot, rings and doorbell stay out of use until the link goes.
    case quarantined
    /// The peer went meanwhile; nothing of the device is left.
    case peerGone = "peer-gone"
    /// It was not on the page.
    case notPublished = "not-published"
}

/// A config change the guest has been told of and has not acknowledged.
struct ConfigChange {
    var handshake: Handshake
    /// The first answer may belong to an earlier command.
    let mayBeEarly: Bool
    let completions: [(ConfigChangeOutcome) -> Void]
}

/// How a config change ended. In every case the new bytes are in the page, if the device is on it.
@frozen
public enum ConfigChangeOutcome: String, Sendable, Hashable {
    /// The guest's driver has been told.
    case acknowledged
    /// Not within the limit. It stays asked for: a guest that wakes up later will still find it.
    case timedOut = "timed-out"
    /// The peer went meanwhile; the next one finds the new bytes.
    case peerGone = "peer-gone"
    /// Nobody listens, or the device is not on the page: whoever comes finds the new bytes.
    case unheard
    /// The device was taken off the page meanwhile.
    case removed
}

/// How often a device whose guest breaks it comes back: ever less often.
struct Republishing {
    private(set) var notBefore: ContinuousClock.Instant?
    private var interval: Duration = .zero
    private var lastFault: ContinuousClock.Instant?

    /// One more fault.
    mutating func postpone(from now: ContinuousClock.Instant, _ settings: HostSettings) {
        let wasQuiet = lastFault.map { now - $0 > settings.republishIntervalMaximum + interval } ?? true
        interval =
            wasQuiet
            ? settings.republishInterval : min(interval * 2, settings.republishIntervalMaximum)
        lastFault = now
        notBefore = now.advanced(by: interval)
    }

    mutating func done() { notBefore = nil }
}
