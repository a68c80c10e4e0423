import GuestTestSupport
import Links
import LinuxSystem
import Testing
import VOPGuest
import Virtio

/// A driver that writes down what is done with it.
final class RecordingDriver: GuestDriver {
    let device: BoundDevice
    private(set) var serviceCount = 0
    private(set) var configs: [[UInt8]] = []
    private(set) var isStopped = false
    var failure: GuestDriverError?
    let wake: EventCounter

    init(_ device: BoundDevice) throws(GuestDriverError) {
        self.device = device
        do {
            wake = try EventCounter()
        } catch { throw .system(error, during: "waking a test") }
    }

    func service() throws(GuestDriverError) {
        serviceCount += 1
        wake.drain()
        if let failure { throw failure }
    }

    func configChanged() throws(GuestDriverError) { configs.append(device.config()) }
    func stop() { isStopped = true }
    var pollDescriptor: CInt? { wake.rawDescriptor }
    var outputs: [DriverOutput] { [DriverOutput("tag", "here")] }
}

/// A scripted host and a guest-backend on a loopback link, at a time of their own.
final class GuestBench {
    let host: ScriptedHost
    let guestLink: LoopbackLink
    let guest: GuestBackend
    private let log: Log

    /// What the closures handed to the backend share with the test.
    private final class Log {
        var now = ContinuousClock.Instant.now
        var events: [GuestEvent] = []
        var made: [RecordingDriver] = []
        var makeFailure: GuestDriverError?
    }

    var events: [GuestEvent] { log.events }
    var made: [RecordingDriver] { log.made }
    var makeFailure: GuestDriverError? {
        get { log.makeFailure }
        set { log.makeFailure = newValue }
    }

    init(settings: GuestSettings = GuestSettings(), isMet: Bool = true) throws {
        let log = Log()
        let ends = try LoopbackLink.pair()
        let kind = GuestDriverKind(
            name: "9p", type: .ninep, features: [.ninepMountTag], queueCount: 1
        ) { device throws(GuestDriverError) in
            if let failure = log.makeFailure { throw failure }
            let driver = try RecordingDriver(device)
            log.made.append(driver)
            return driver
        }
        let other = GuestDriverKind(
            name: "other-9p", type: .ninep, features: [], queueCount: 1
        ) { device throws(GuestDriverError) in
            let driver = try RecordingDriver(device)
            log.made.append(driver)
            return driver
        }
        let net = GuestDriverKind(
            name: "net", type: .net, features: [], queueCount: 2
        ) { device throws(GuestDriverError) in try RecordingDriver(device) }
        self.log = log
        host = ScriptedHost(ends.host)
        guestLink = ends.guest
        guest = GuestBackend(
            link: ends.guest, drivers: [kind, other, net], settings: settings, clock: { log.now },
            events: { log.events.append($0) })
        ends.host.start()
        ends.guest.start()
        guard isMet else { return }
        _ = try host.link.service()
        try host.format()
        try guest.service()
        #expect(guest.devicePage != nil)
    }

    func pass(_ time: Duration) { log.now += time }

    /// Lets the guest do all it can at this time.
    func settle() throws { for _ in 0..<3 { try guest.service() } }

    /// Publishes a 9p device and sees it through to running.
    func runningDevice() throws -> ScriptedHost.Device {
        let device = try host.publish(.ninep, offered: [.version1, .ninepMountTag], config: [1, 2, 3, 4])
        try settle()
        try host.acceptUsedRings(of: device)
        try settle()
        #expect(try state("9p0") == .running)
        return device
    }

    func state(_ name: String) throws -> GuestDeviceState { try guest.snapshot(of: name).state }
    func kinds(of name: String?) -> [GuestEvent.Kind] { events.filter { $0.device == name }.map(\.kind) }
}
