/// How a handshake stands.
@frozen
public enum HandshakeOutcome: Sendable, Hashable {
    /// No answer yet, and there is time.
    case pending
    /// The other side has done it.
    case acknowledged
    /// The deadline came first. What the other side still holds is unknown: keep it out of use.
    case timedOut
    /// The link says that nobody is there to answer.
    case peerGone
}

/// The asking half of a handshake: request byte, doorbell, acknowledge byte, deadline. It never blocks: its owner's
/// loop calls `advance` when a doorbell came or `nextCheck` has, and rings when `takeRing` says so. The answering
/// halves are in `ControlBlock`.
///
/// ```
///   init ──► clearing ──acknowledge byte seen 0──► asked ──answer──► acknowledged
///               └───────────── deadline ─────────────┴──► timedOut      (peerGone from anywhere)
/// ```
/// MIC peers answer by a byte alone and ring nothing, so the byte is looked at every `checkInterval` as well.
///
/// The MIC profile has no sequence numbers, so an answer that comes after its deadline could be taken for the answer to
/// the next request. Against that: at every ending the asker takes its request back (request byte first, then
/// acknowledge byte); no request is made before the acknowledge byte was seen 0; a removal counts as acknowledged only
/// when the slot's type has become −1 as well, and a reset only when the request byte is 0 as well, which a late answer to
/// something else does not bring about. What remains is a config change acknowledged too early; its doorbell has rung,
/// so the guest still sees the change. A device whose handshake has timed out should not be asked anything but to go.
public struct Handshake: Sendable {
    @frozen
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// Host: config space has changed (`config_change` = 2). Ring the config doorbell.
        case configChange = "config_change"
        /// Host: let go of the device (`config_change` = 1). Ring the config doorbell.
        case hotRemove = "hot_remove"
        /// Guest: all used addresses are written (`used_address_updated` = 1). Ring the device's doorbell.
        case usedAddress = "used_address"
        /// Guest: quiesce and reset (`vdev_reset` = 1). Ring the device's doorbell.
        case reset

        /// Who asks.
        public var isAskedByHost: Bool { self == .configChange || self == .hotRemove }
    }

    public let kind: Kind
    public let slot: DeviceSlot
    public private(set) var deadline: ContinuousClock.Instant
    /// When to call `advance` even if nobody rang.
    public private(set) var nextCheck: ContinuousClock.Instant
    private var phase = Phase.clearing
    private var owesRing = false

    private enum Phase: Sendable, Equatable {
        case clearing
        case asked
        case ended(HandshakeOutcome)
    }

    /// MIC sides look every 100 ms, or every second; a look costs one load.
    public static let checkInterval = Duration.milliseconds(10)

    /// Asks at once where the acknowledge byte allows it.
    ///
    /// - Parameter limit: how long the other side has, from `now`.
    public init(_ kind: Kind, of slot: DeviceSlot, within limit: Duration, now: ContinuousClock.Instant) {
        self.kind = kind
        self.slot = slot
        deadline = now + limit
        nextCheck = now
        ask()
        nextCheck = min(deadline, now + Self.checkInterval)
    }

    /// Looks once.
    ///
    /// - Parameter peerIsThere: what the link says.
    public mutating func advance(now: ContinuousClock.Instant, peerIsThere: Bool = true) -> HandshakeOutcome {
        if case .ended(let outcome) = phase { return outcome }
        if phase == .clearing { ask() }
        let outcome = outcome(now: now, peerIsThere: peerIsThere)
        if outcome != .pending { end(outcome) }
        nextCheck = min(deadline, now + Self.checkInterval)
        return outcome
    }

    /// The other side was away, and is back: it has all its time again, and is rung once more.
    public mutating func restart(within limit: Duration, now: ContinuousClock.Instant) {
        deadline = now + limit
        nextCheck = now
        owesRing = phase == .asked
    }

    /// True once after the request byte was written: the other side's doorbell is to be rung.
    public mutating func takeRing() -> Bool {
        defer { owesRing = false }
        return owesRing
    }

    private func outcome(now: ContinuousClock.Instant, peerIsThere: Bool) -> HandshakeOutcome {
        // The answer is looked at first: one that has come counts, however late we look.
        if phase == .asked && isAnswered { return .acknowledged }
        if !peerIsThere { return .peerGone }
        return now >= deadline ? .timedOut : .pending
    }
}

/// The bytes of each kind.
extension Handshake {
    private mutating func ask() {
        guard isCleared else { return }
        switch kind {
        case .configChange: slot.control.store(ControlBlock.Command.configChanged.rawValue, to: .configChange)
        case .hotRemove: slot.control.store(ControlBlock.Command.remove.rawValue, to: .configChange)
        case .usedAddress: slot.control.store(1, to: .usedAddressUpdated)
        case .reset: slot.control.store(1, to: .resetRequest)
        }
        phase = .asked
        owesRing = true
    }

    /// Clears the acknowledge byte and sees it 0.
    private var isCleared: Bool {
        guard let acknowledge = acknowledgeField else { return true }
        slot.control.store(0, to: acknowledge)
        return slot.control.load(acknowledge) == 0
    }

    private var acknowledgeField: ControlBlock.Field? {
        switch kind {
        case .configChange, .hotRemove: .guestAcknowledge
        case .reset: .hostAcknowledge
        case .usedAddress: nil
        }
    }

    private var isAnswered: Bool {
        switch kind {
        case .configChange: slot.control.load(.guestAcknowledge) != 0
        // A guest that unloads by itself marks the slot and takes its acknowledge back, so the mark alone is enough;
        // an acknowledge without the mark is a MIC guest that is about to write it, or a late answer.
        case .hotRemove: slot.isRemoved
        case .usedAddress: !slot.control.isUsedAddressPending
        case .reset: slot.control.load(.hostAcknowledge) != 0 && !slot.control.isResetPending
        }
    }

    private mutating func end(_ outcome: HandshakeOutcome) {
        phase = .ended(outcome)
        owesRing = false
        switch kind {
        case .configChange, .hotRemove:
            slot.control.store(0, to: .configChange)
            slot.control.store(0, to: .guestAcknowledge)
        case .usedAddress where outcome != .acknowledged:
            slot.control.store(0, to: .usedAddressUpdated)
        case .reset where outcome != .acknowledged:
            slot.control.store(0, to: .resetRequest)
        case .usedAddress, .reset:
            break
        }
    }
}
