import CopyFile
import Foundation
import LinuxSystem
import SharedMemory
import SystemPackage
import TestSupport
import Testing
import Virtio

@testable import HostTestSupport
@testable import Links
@testable import VOPHost

/// `vophostd` itself, as a process with a mounted tree, kills itself at a named place in the middle of checksummed
/// traffic, and is started again with the same command line. Nothing is configured anew; no request is lost, none is
/// applied twice, and what was taken from the machine is given back.
@Suite(.serialized, .enabled(if: KillPoint.canBeForced, "needs /dev/fuse, and a debug build"))
struct KillPointTests {
    @Test(
        "killed while requests are under way, it goes on where it was",
        arguments: [KillPoint.afterTake, .beforeUsedIndex, .afterUsedIndex], [1, 37])
    func midTraffic(point: KillPoint, count: Int) throws {
        let host = try KilledHost(at: point, count: count)
        try host.configure()
        try host.drive()
        let backend = try RecordingBackend(host.copyPath)
        try host.exchange(requests: 200)
        #expect(host.killCount == 1 && host.changes == ["arrived", "gone", "resumed"])
        #expect(backend.end() == RecordingBackend.Tally(tokens: 200, appliedTwice: 0, strangeReplays: 0))
        try host.awaitBothMounts()
    }

    @Test("killed by somebody else, again and again, it goes on each time")
    func fromOutside() throws {
        let host = try KilledHost(at: nil)
        try host.configure()
        try host.drive()
        let backend = try RecordingBackend(host.copyPath)
        for turn in 1...5 {
            try host.exchange(requests: 40)
            host.kill()
            try host.exchange(requests: 40)
            #expect(host.killCount == turn)
        }
        #expect(!host.changes.dropFirst().contains("arrived"))
        #expect(backend.end() == RecordingBackend.Tally(tokens: 400, appliedTwice: 0, strangeReplays: 0))
        try host.awaitBothMounts()
    }

    @Test("killed inside a first meeting, it meets afresh")
    func inMeeting() throws {
        let host = try KilledHost(at: .inMeeting)
        try host.configure()
        try host.drive()
        let backend = try RecordingBackend(host.copyPath)
        try host.exchange(requests: 20)
        #expect(host.killCount == 1 && backend.end().tokens == 20)
    }

    @Test(
        "killed while a slot is put onto the page, or taken off, the device is there once in the end",
        arguments: [KillPoint.beforeSlot, .afterSlot])
    func slots(point: KillPoint) throws {
        let host = try KilledHost(at: point)
        try host.configure()
        if point == .afterSlot {
            _ = try host.find()
            _ = unsafe rmdir(host.device)
        }
        try host.serve { host.killCount == 1 }
        try host.serve { host.exists(host.device + "/published") }
        if point == .beforeSlot { try host.write("1", to: host.device + "/published") }
        try host.drive()
        let backend = try RecordingBackend(host.copyPath)
        try host.exchange(requests: 20)
        #expect(backend.end().tokens == 20)
    }

    @Test(
        "killed while its configuration is saved, it comes back with what was saved before, or with the new")
    func saving() throws {
        var killCount = 0
        for count in 1...40 {
            let host = try KilledHost(at: .beforeRename, count: count)
            try host.configure()
            guard host.killCount == 1 else { break }
            killCount += 1
            #expect(
                try host.read(host.device + "/tag") == "t" && host.read(host.device + "/published") == "1")
        }
        #expect(killCount > 5)
    }
}
