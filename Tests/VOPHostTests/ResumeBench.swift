import CopyFile
import Glibc
import LinuxSystem
import SharedMemory
import SystemPackage
import TestSupport
import Testing
import Virtio

@testable import HostTestSupport
@testable import Links
@testable import VOPHost

/// A host-backend with one device behind a copy file, a scripted guest, and a shared-memory link between them; either
/// side may be killed, which is to say let go of as it is, and come back.
final class ResumeBench {
    let directory: String
    private(set) var hostLink: SharedMemoryLink
    private(set) var guestLink: SharedMemoryLink
    private(set) var backend: HostBackend
    private(set) var queue: CopyQueue
    private(set) var guest: ScriptedGuest
    private(set) var slot: ScriptedSlot
    private(set) var driver: ScriptedQueue
    private let log: Log

    final class Log {
        var events: [HostEvent] = []
    }

    init() throws {
        directory = "/tmp/vop-resume-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        try #require(unsafe mkdir(directory, 0o700) == 0)
        hostLink = try Self.link(.host, directory)
        guestLink = try Self.link(.guest, directory)
        log = Log()
        (backend, queue) = try Self.backend(hostLink, directory, log)
        guest = ScriptedGuest(guestLink)
        // Until the guest has found it.
        slot = ScriptedSlot(
            guest: guest, offset: 0, type: 0, queueCount: 0, featureByteCount: 0, configByteCount: 0)
        driver = ScriptedQueue(guest: guest, ring: 0, entries: 0, used: 0, buffers: 0)
    }

    /// One whose sides have met, and whose device the guest drives.
    static func driven() throws -> ResumeBench {
        let bench = try ResumeBench()
        try bench.meet()
        try bench.drive()
        return bench
    }

    deinit {
        hostLink.stop()
        guestLink.stop()
        for name in ["link", "host", "guest", "page", "queue"] { unsafe _ = unlink("\(directory)/\(name)") }
        unsafe _ = rmdir(directory)
    }

    private static func link(_ side: Side, _ directory: String) throws -> SharedMemoryLink {
        let link = try SharedMemoryLink(
            side,
            SharedMemorySettings(
                socketPath: directory + "/link", windowByteCount: 1 << 20, firstRetry: .milliseconds(1),
                longestRetry: .milliseconds(10), recordPath: "\(directory)/\(side.rawValue)"))
        try link.start()
        return link
    }

    private static func backend(
        _ link: SharedMemoryLink, _ directory: String, _ log: Log
    ) throws -> (HostBackend, CopyQueue) {
        var settings = HostSettings()
        settings.recordPath = directory + "/page"
        settings.slotReleaseLimit = .milliseconds(5)
        let backend = HostBackend(link: link, settings: settings, events: { log.events.append($0) })
        let queue = CopyQueue(record: try InFlightRecord(at: directory + "/queue"))
        try backend.publish(Bench.description(), name: "one", model: CopyDevice(queues: [queue]))
        return (backend, queue)
    }

    var kinds: [HostEvent.Kind] { log.events.map(\.kind) }
    func clearEvents() { log.events = [] }
    var state: DeviceState { get throws { try backend.snapshot(of: "one").state } }

    /// Both sides' loops, until something is so.
    func run(until isSo: () throws -> Bool) throws {
        let limit = ContinuousClock.Instant.now + HangGuard.limit
        while try !isSo() {
            try #require(.now < limit, "not in time: \(log.events.suffix(5))")
            try backend.service()
            try guest.service()
            usleep(200)
        }
    }

    func meet() throws {
        try run { try hostLink.state == .up && guestLink.state == .up && guest.slots().count == 1 }
    }

    /// The guest's way to DRIVER_OK.
    func drive() throws {
        try guest.setConfigDoorbell(2)
        slot = try guest.slot()
        try slot.discover(doorbell: 3)
        try slot.askReset()
        try run { try slot.byte(.hostAck) == 1 }
        for status: UInt8 in [1, 3] { try slot.setStatus(status) }
        try slot.accept(1 << 32 | 1)
        try slot.setStatus(11)
        driver = try #require(try slot.setUpQueues().first)
        try run { try slot.byte(.usedAddressUpdated) == 0 }
        try slot.setStatus(15)
        try slot.kick()
        try run { try state == .running }
    }

    func offer(_ text: String, head: UInt16) throws {
        try driver.offer(text, head: head)
        try slot.kick()
    }

    /// The host is killed and started again, with the same configuration; `between` is what happens meanwhile.
    func killHost(meanwhile: () throws -> Void = {}) throws {
        hostLink.vanish()
        try serveGuest(until: { guestLink.state == .waiting })
        try meanwhile()
        clearEvents()
        try Socket.awaitSilence(of: .sequencedPackets, at: directory + "/link")
        hostLink = try Self.link(.host, directory)
        (backend, queue) = try Self.backend(hostLink, directory, log)
        try run { hostLink.state == .up && guestLink.state == .up }
    }

    private func serveGuest(until isSo: () -> Bool) throws {
        let limit = ContinuousClock.Instant.now + HangGuard.limit
        while !isSo() {
            try #require(.now < limit)
            try guest.service()
            usleep(200)
        }
    }

    /// The guest is killed; the host has noticed.
    func killGuest() throws {
        guestLink.vanish()
        let limit = ContinuousClock.Instant.now + HangGuard.limit
        while hostLink.state == .up {
            try #require(.now < limit)
            try backend.service()
            usleep(200)
        }
    }

    /// And comes back, knowing where its slot and rings are.
    func restartGuest() throws {
        guestLink = try Self.link(.guest, directory)
        guest = ScriptedGuest(guestLink)
        slot = slot.seen(by: guest)
        driver = driver.seen(by: guest)
        try run { hostLink.state == .up && guestLink.state == .up }
    }
}

extension ScriptedSlot {
    func seen(by guest: ScriptedGuest) -> ScriptedSlot {
        ScriptedSlot(
            guest: guest, offset: offset, type: type, queueCount: queueCount,
            featureByteCount: featureByteCount, configByteCount: configByteCount)
    }
}
