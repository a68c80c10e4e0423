import Glibc
import Links
import LinuxSystem
import NineP
import SharedMemory
import SystemPackage
import TestSupport
import Testing
import VOPGuest
import VOPHost
import Virtio

/// Documentation/decisions/14: a guest that was killed takes its devices up where they were, by what it wrote down.
@Suite struct TakeOverTests {
    private let sides: ResumedSides

    init() throws { sides = try ResumedSides(.here) }

    /// So many writes that the device has and does not answer.
    private func hold(_ count: Int) throws {
        sides.model.answers = false
        for _ in 0..<count { sides.client.write() }
        try sides.run { sides.model.applied.count == count }
    }

    @Test(
        "a chain in flight is joined, not submitted again, and what came back meanwhile is taken; nothing is reset"
    )
    func joined() throws {
        try hold(3)
        try sides.killGuest()
        sides.model.answers = true
        sides.model.answerWaiting()
        sides.model.answers = false
        try sides.restartGuest()
        try sides.run { sides.client.isUp }
        for _ in 0..<2 { sides.client.write() }
        try sides.run { sides.model.applied.count == 5 }
        try sides.killGuest()
        try sides.restartGuest()
        sides.model.answers = true
        try sides.exchange(100)
        #expect(sides.model.isEachOnce && sides.model.applied.count == 105)
        #expect(sides.client.answeredCount == 105 && sides.client.faults.isEmpty)
        #expect(sides.model.lifeCount == 1, "the device was reset")
        #expect(sides.guestEvents.contains { $0.kind == .resumed && $0.device == "9p0" })
        #expect(sides.hostEvents.contains(.linkResumed) && !sides.hostEvents.contains(.reset))
    }

    @Test("a reply that was taken and has not reached its client is kept for it over a kill")
    func kept() throws {
        try hold(2)
        sides.client.connects = false
        sides.client.hangUp()
        sides.model.answers = true
        sides.model.answerWaiting()
        try sides.run { try sides.guest?.snapshot(of: "9p0").queues[0].inFlightCount == 0 }
        try sides.killGuest()
        try sides.restartGuest()
        sides.client.connects = true
        try sides.run { sides.client.isIdle }
        #expect(sides.client.answeredCount == 2 && sides.model.isEachOnce && sides.client.faults.isEmpty)
        #expect(sides.model.lifeCount == 1)
    }

    @Test("killed again and again, its memory and doorbells are what they were")
    func again() throws {
        let before = try #require(sides.guest?.snapshots.first)
        for _ in 0..<5 {
            try sides.exchange(20)
            try sides.killGuest()
            try sides.restartGuest()
        }
        try sides.exchange(20)
        let after = try #require(sides.guest?.snapshots.first)
        #expect(after.memoryByteCount == before.memoryByteCount && after.name == before.name)
        #expect(after.queues.map(\.usedAddress) == before.queues.map(\.usedAddress))
        #expect(sides.guest?.quarantinedByteCount == 0 && sides.model.lifeCount == 1)
        try sides.guest?.reset("9p0")
        try sides.run { sides.model.lifeCount == 2 && sides.client.connectionCount > 6 }
    }

    @Test("a session whose client is gone is ended, with a Tversion of the driver's own")
    func withoutClient() throws {
        try sides.killGuest()
        // As if another process had been the client, which has ended since.
        var record = try WholeFile.contents(of: sides.directory + "/driver.9p0")
        record[24] ^= 0xFF
        try WholeFile.replace(sides.directory + "/driver.9p0", with: record, isDurable: false)
        let versions = sides.model.types.count { $0 == RequestType.version.rawValue }
        try sides.restartGuest()
        try sides.run { sides.model.types.count { $0 == RequestType.version.rawValue } == versions + 1 }
        #expect(sides.model.lifeCount == 1)
    }

    @Test("what a host made up of the used ring meanwhile costs that device, and nothing else")
    func usedIndex() throws {
        try hold(1)
        let used = try #require(sides.guest?.snapshots.first?.queues[0].usedAddress)
        let index = try sides.hostLink.windows(of: .guest).window(
            covering: PeerRange(untrustedAddress: used, byteCount: 4))
        try sides.killGuest()
        index.store16(7, at: 2)
        try sides.restartGuest()
        try sides.run { try sides.guest?.snapshot(of: "9p0").state == .failed }
        #expect(sides.guestLink?.state == .up)
    }

    @Test(
        "a record that is torn or missing is not believed: the two meet afresh, or that device is reset",
        arguments: ["devices", "driver.9p0", "guest.meeting"])
    func torn(file: String) throws {
        try sides.exchange(5)
        try sides.killGuest()
        let path = "\(sides.directory)/\(file)"
        let bytes = try WholeFile.contents(of: path)
        try WholeFile.replace(path, with: Array(bytes.prefix(bytes.count / 2)), isDurable: false)
        try sides.restartGuest()
        try sides.run { sides.model.lifeCount == 2 }
        try sides.run { sides.guest?.snapshots.first?.state == .running }
        #expect(sides.guest?.quarantinedByteCount == 0)
    }

    @Test("a device that was taken away meanwhile is gone, and its memory stays out of use")
    func removed() throws {
        try sides.killGuest()
        try sides.host.retire("share") { _ in }
        try sides.restartGuest()
        try sides.run { sides.guest?.snapshots.isEmpty == true && sides.host.snapshots.isEmpty }
    }
}

/// `vopguestd` itself, killed at a named place in the middle of traffic, and started again with the same command line.
@Suite(.serialized, .enabled(if: KillPoint.canBeForced, "needs /dev/fuse, and a debug build"))
struct GuestKillPointTests {
    @Test(
        "killed while requests are under way, it goes on where it was: each is carried out once and answered",
        arguments: [
            KillPoint.afterRequest, .afterChain, .beforeAvailableIndex, .afterAvailableIndex,
            .beforeCompletion,
            .afterCompletion, .afterReply,
        ], [2, 17])
    func midTraffic(point: KillPoint, count: Int) throws {
        let sides = try ResumedSides(.program(point, count: count))
        try sides.exchange(150)
        #expect(sides.killCount == 1 && sides.client.answeredCount == 150 && sides.client.faults.isEmpty)
        #expect(sides.model.isEachOnce && sides.model.applied.count == 150 && sides.model.lifeCount == 1)
    }

    @Test("killed by somebody else, and again while it takes its devices up, it goes on")
    func again() throws {
        let sides = try ResumedSides(.program(nil, count: 1))
        for turn in 1...4 {
            try sides.exchange(30)
            try sides.killGuest()
            try sides.exchange(30)
            #expect(sides.killCount == turn)
        }
        #expect(sides.model.isEachOnce && sides.model.lifeCount == 1 && sides.client.faults.isEmpty)
    }

    @Test("killed while it takes its devices up again, it does so the next time")
    func inTakeOver() throws {
        let sides = try ResumedSides(.program(.inTakeOver, count: 1))
        try sides.exchange(20)
        try sides.killGuest()
        try sides.exchange(20)
        #expect(sides.killCount == 2 && sides.model.isEachOnce && sides.model.lifeCount == 1)
        #expect(sides.client.answeredCount == 40 && sides.client.faults.isEmpty)
    }

    @Test("killed inside a first meeting, it meets afresh")
    func inMeeting() throws {
        let sides = try ResumedSides(.program(.inMeeting, count: 1))
        try sides.exchange(20)
        #expect(sides.killCount == 1 && sides.model.isEachOnce)
    }
}
