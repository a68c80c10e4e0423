import GuestTestSupport
import Links
import VOPGuest
import Virtio

/// A scripted host and a whole guest-backend, whose one driver does nothing.
final class GuestEnd {
    let host: ScriptedHost
    let guest: GuestBackend
    private let log: Log

    private final class Log {
        var events: [GuestEvent] = []
        var react: (GuestEvent) -> Void = { _ in }
    }

    private final class IdleDriver: GuestDriver {
        func service() throws(GuestDriverError) {}
        func stop() {}
    }

    var events: [GuestEvent] { log.events }

    /// - Parameter react: told each event in the middle of what the guest does.
    init(reactingWith react: ((ScriptedHost, GuestEvent) -> Void)? = nil) throws {
        let ends = try LoopbackLink.pair()
        let log = Log()
        let kind = GuestDriverKind(name: "idle", type: .ninep, features: [], queueCount: 1) {
            _ throws(GuestDriverError) in IdleDriver()
        }
        self.log = log
        host = ScriptedHost(ends.host)
        guest = GuestBackend(
            link: ends.guest, drivers: [kind],
            events: { event in
                log.events.append(event)
                log.react(event)
            })
        if let react { log.react = { [host] in react(host, $0) } }
        ends.host.start()
        ends.guest.start()
        _ = try host.link.service()
        try host.format()
    }

    func settle() throws { for _ in 0..<3 { try guest.service() } }

    func runningDevice() throws -> ScriptedHost.Device {
        let device = try host.publish(.ninep, config: [1, 2, 3, 4])
        try settle()
        try host.acceptUsedRings(of: device)
        try settle()
        return device
    }
}
