import DevicePage
import Foundation
import GuestDrivers
import LinuxSystem
import SharedMemory
import SystemPackage
import TestSupport
import Testing
import VOPGuest
import VOPHost
import Virtio

@testable import Links

/// A host-backend with a 9p device, and a guest that may be killed and come back: in this process, or `vopguestd` itself.
final class ResumedSides {
    enum Guest {
        /// In this process: killed is let go of as it is.
        case here
        /// A process that kills itself at that point, once.
        case program(KillPoint?, count: Int)
    }

    let directory: String
    let hostLink: SharedMemoryLink
    let host: HostBackend
    let model = OnceModel()
    let client: ReturningClient
    private let kind: Guest
    private(set) var guestLink: SharedMemoryLink?
    private(set) var guest: GuestBackend?
    private var process: SpawnedProcess?
    private let log: Foundation.FileHandle
    private(set) var killCount = 0
    private var startCount = 0
    private(set) var guestEvents: [GuestEvent] = []
    private(set) var hostEvents: [HostEvent.Kind] = []

    private final class Heard {
        var host: (HostEvent) -> Void = { _ in }
    }

    init(_ kind: Guest) throws {
        self.kind = kind
        directory = "/tmp/vop-back-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        try #require(unsafe mkdir(directory, 0o700) == 0 && mkdir(directory + "/guest", 0o700) == 0)
        try #require(FileManager.default.createFile(atPath: directory + "/log", contents: nil))
        let written = Foundation.FileHandle(forWritingAtPath: directory + "/log")
        log = try #require(written)
        hostLink = try Self.link(.host, directory)
        var settings = HostSettings()
        settings.recordPath = directory + "/page"
        let heard = Heard()
        host = HostBackend(link: hostLink, settings: settings, events: { heard.host($0) })
        client = ReturningClient(directory + "/share.sock")
        heard.host = { [weak self] in self?.hostEvents.append($0.kind) }
        let description = try DeviceDescription(
            type: .ninep, queueSizes: [16], offered: [.version1, .ninepMountTag],
            config: [5, 0] + Array("share".utf8))
        try host.publish(description, name: "share", model: model)
        try startGuest()
        try run { client.isUp }
    }

    deinit {
        process?.signal(SIGTERM)
        let limit = ContinuousClock.Instant.now + .seconds(20)
        while let process, process.ending() == nil, .now < limit {
            // It lets go of its devices, which takes two.
            try? host.service()
            usleep(1000)
        }
        process?.killAndWait()
        guestLink?.stop()
        hostLink.stop()
        try? FileManager.default.removeItem(atPath: directory)
    }

    private static func link(_ side: Side, _ directory: String) throws -> SharedMemoryLink {
        let link = try SharedMemoryLink(
            side,
            SharedMemorySettings(
                socketPath: directory + "/link", windowByteCount: 4 << 20, firstRetry: .milliseconds(1),
                longestRetry: .milliseconds(10), recordPath: "\(directory)/\(side.rawValue).meeting"))
        try link.start()
        return link
    }

    // MARK: The guest

    private func startGuest() throws {
        switch kind {
        case .here:
            let link = try Self.link(.guest, directory)
            var settings = GuestSettings()
            settings.recordDirectory = directory
            guestLink = link
            guest = GuestBackend(
                link: link, drivers: [.ninep(NinePSettings(directory: directory))], settings: settings,
                events: { [weak self] in self?.guestEvents.append($0) })
        case .program(let point, let count):
            // Only one that was killed has anything to take over.
            startCount += 1
            let isIts = startCount == (point == .inTakeOver ? 2 : 1)
            let variable = isIts ? point.map { ["VOP_KILL_AT=\($0.rawValue):\(count)"] } ?? [] : []
            process = try SpawnedProcess(
                "/usr/bin/env",
                variable + [
                    CompanionProgram.path("vopguestd"), "--tree", "\(directory)/guest", "--state",
                    "\(directory)/state", "--sockets", directory,
                ], output: log.fileDescriptor)
            if startCount == 1 { try configure() }
        }
    }

    private func configure() throws {
        let link = "\(directory)/guest/links/ep0"
        try run { unsafe mkdir(link, 0o755) == 0 || errno == EEXIST && access(link + "/up", F_OK) == 0 }
        for (name, value) in [("socket", directory + "/link"), ("window_bytes", "4194304"), ("up", "1")] {
            try run { (try? ValueFile(writing: "\(link)/\(name)").write(Array("\(value)\n".utf8))) != nil }
        }
    }

    /// In this process, without a word to anybody.
    func killGuest() throws {
        if let process { return process.signal(SIGKILL) }
        guestLink?.vanish()
        guest = nil
        guestLink = nil
        killCount += 1
        try run { hostLink.state == .waiting }
    }

    func restartGuest() throws {
        guestEvents = []
        hostEvents = []
        if case .here = kind { try Socket.awaitSilence(of: .stream, at: directory + "/share.sock") }
        try startGuest()
        try run { guestLink?.state == .up && !guestEvents.isEmpty }
    }

    /// Whoever was killed is started again.
    private func supervise() throws {
        guard let process, let ending = process.ending() else { return }
        try #require(ending == .signalled(SIGKILL), "it \(ending): \(said)")
        killCount += 1
        try startGuest()
    }

    private var said: Substring {
        ((try? String(contentsOfFile: directory + "/log", encoding: .utf8)) ?? "").suffix(900)
    }

    // MARK: The loop

    func run(until isSo: () throws -> Bool) throws {
        let limit = ContinuousClock.Instant.now + HangGuard.limit
        while try !isSo() {
            try #require(.now < limit, "not in time: \(guestEvents.suffix(5)) \(said)")
            try supervise()
            try host.service()
            try guest?.service()
            client.service()
            usleep(200)
        }
    }

    /// So many writes, a few at once; each is answered.
    func exchange(_ count: Int, atOnce: Int = 5) throws {
        let end = client.sent + UInt64(count)
        try run {
            while client.isUp, client.sent < end, client.unansweredCount < atOnce {
                client.write(byteCount: client.sent % 7 == 0 ? 9000 : 8)
            }
            return client.sent == end && client.isIdle
        }
    }
}
