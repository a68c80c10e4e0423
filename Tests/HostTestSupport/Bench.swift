import DevicePage
import Links
import LinuxSystem
import SharedMemory
import Virtio

@testable import VOPHost

/// A host-backend and a scripted guest on a loopback link, and a clock that only moves when it is told to.
final class Bench {
    let hostLink: LoopbackLink
    let guest: ScriptedGuest
    let backend: HostBackend
    private let time: ManualClock
    private let log: EventLog

    final class ManualClock {
        var now = ContinuousClock.now
        /// How much later it is each time somebody asks.
        var step = Duration.zero

        func ask() -> ContinuousClock.Instant {
            now += step
            return now
        }
    }

    final class EventLog {
        var events: [HostEvent] = []
    }

    init(isMet: Bool = true, _ change: (inout HostSettings) -> Void = { _ in }) throws {
        let (host, guestLink) = try LoopbackLink.pair()
        var settings = HostSettings()
        change(&settings)
        let time = ManualClock()
        let log = EventLog()
        hostLink = host
        guest = ScriptedGuest(guestLink)
        backend = HostBackend(link: host, settings: settings, clock: { time.ask() }) { log.events.append($0) }
        self.time = time
        self.log = log
        host.start()
        if isMet { try meet() }
    }

    func meet() throws {
        try guest.link.start()
        try run()
    }

    /// Both sides, until the host has nothing left to do at this time.
    func run() throws {
        for _ in 0..<8 {
            try backend.service()
            try guest.service()
            if let deadline = backend.nextDeadline, deadline <= time.now { continue }
        }
    }

    /// Lets time pass in steps, as a loop would that wakes at each deadline.
    func pass(_ duration: Duration) throws {
        let end = time.now.advanced(by: duration)
        while time.now < end {
            time.now = min(end, max(backend.nextDeadline ?? end, time.now.advanced(by: .milliseconds(1))))
            try run()
        }
    }

    /// From now on no two looks at the clock say the same, as with a real one.
    func letTimeRun() { time.step = .nanoseconds(1) }

    var events: [HostEvent] { log.events }
    var kinds: [HostEvent.Kind] { log.events.map(\.kind) }
    func clearEvents() { log.events = [] }

    static func description(
        _ type: DeviceType = .ninep, sizes: [UInt32] = [8],
        offered: FeatureSet = [.version1, .ninepMountTag],
        config: [UInt8] = [3, 0, 0x61, 0x62, 0x63]
    ) throws -> DeviceDescription {
        try DeviceDescription(type: type, queueSizes: sizes, offered: offered, config: config)
    }

    @discardableResult
    func publish(
        _ name: String = "one", _ model: EchoModel = EchoModel(), sizes: [UInt32] = [8],
        offered: FeatureSet = [.version1, .ninepMountTag]
    ) throws -> EchoModel {
        try backend.publish(Self.description(sizes: sizes, offered: offered), name: name, model: model)
        try run()
        return model
    }

    func state(_ name: String = "one") throws -> DeviceState { try backend.snapshot(of: name).state }

    /// The guest's whole way to DRIVER_OK.
    @discardableResult
    func drive(
        _ index: Int = 0, accepting features: UInt64 = 1 << 32 | 1, doorbell: Int8 = 3
    ) throws -> (slot: ScriptedSlot, queues: [ScriptedQueue]) {
        let slot = try guest.slot(index)
        try slot.discover(doorbell: doorbell)
        try slot.askReset()
        try run()
        for status: UInt8 in [1, 3] {
            try slot.setStatus(status)
            try slot.kick()
            try run()
        }
        try slot.accept(features)
        try slot.setStatus(11)
        try slot.kick()
        try run()
        let queues = try slot.setUpQueues()
        try run()
        try slot.setStatus(15)
        try slot.kick()
        try run()
        return (slot, queues)
    }

    /// Publishes and drives one device.
    func running(
        sizes: [UInt32] = [8], offered: FeatureSet = [.version1, .ninepMountTag]
    ) throws -> (model: EchoModel, slot: ScriptedSlot, queues: [ScriptedQueue]) {
        try guest.setConfigDoorbell(2)
        let model = try publish(sizes: sizes, offered: offered)
        let (slot, queues) = try drive(accepting: offered.rawValue)
        _ = guest.takeRung()
        return (model, slot, queues)
    }
}

extension Duration {
    static let blink = Duration.milliseconds(200)
}
