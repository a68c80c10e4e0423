import Glibc
import LinuxSystem
import SharedMemory
import TestSupport
import Testing
import Virtio

@testable import Links

/// A side that was killed comes back to the meeting it was in; `vanish` is what a SIGKILL leaves behind.
@Suite struct ResumedMeetingTests {
    @Test(
        "a killed side resumes: windows, contents, addresses and the meeting's name stay",
        arguments: Side.allCases)
    func resumes(killed: Side) throws {
        let pair = try ResumablePair()
        let range = try pair[killed].allocate(byteCount: 8192, alignment: 4096)
        let peerRange = try pair[killed.peer].allocate(byteCount: 64, alignment: 64)
        let bell = pair[killed].allocateDoorbell()
        let kept = try pair[killed.peer].addressSpace.window(covering: range)
        try pair[killed].addressSpace.window(covering: range).store64(0x1234_5678_9ABC_DEF0, at: 64)
        let before = (pair[killed].meetingID, pair[killed].devicePageAddress)

        try pair.kill(killed)
        kept.store64(7, at: 128)
        let changes = try pair.restart(killed)
        #expect(changes[0] == [.resumed] && changes[1].last == .resumed)
        #expect((pair[killed].meetingID, pair[killed].devicePageAddress) == before)
        #expect(pair[killed.peer].meetingID == before.0)

        let again = try pair[killed].addressSpace.window(covering: range)
        #expect(again.load64(at: 64) == 0x1234_5678_9ABC_DEF0 && again.load64(at: 128) == 7)
        again.store64(9, at: 192)
        #expect(kept.load64(at: 192) == 9)

        // The one that was killed says what of it is in use; the other knows.
        #expect(pair[killed].reclaim(range) && !pair[killed].reclaim(range))
        #expect(pair[killed].reclaimDoorbell(bell))
        #expect(!pair[killed.peer].reclaim(peerRange))
        #expect(try pair[killed].allocate(byteCount: 64, alignment: 64) != range)
    }

    @Test("a resumed meeting is resumed again, by either side in turn")
    func again() throws {
        let pair = try ResumablePair()
        let first = pair[.host].meetingID
        for side in [Side.host, .guest, .guest, .host] {
            try pair.kill(side)
            #expect(try pair.restart(side)[0] == [.resumed])
            #expect(pair[.host].meetingID == first && pair[.guest].meetingID == first)
        }
    }

    @Test("when both were killed, the meeting is fresh")
    func bothKilled() throws {
        let pair = try ResumablePair()
        let first = pair[.host].meetingID
        pair[.host].vanish()
        pair[.guest].vanish()
        try pair.remake(.guest)
        #expect(try pair.restart(.host) == [[.arrived], [.arrived]])
        #expect(pair[.host].meetingID != first)
    }

    @Test("a side that was stopped, and not killed, is met afresh", arguments: Side.allCases)
    func stopped(side: Side) throws {
        let pair = try ResumablePair()
        pair[side].stop()
        try pair.wait(for: side.peer)
        #expect(try pair.restart(side)[0] == [.arrived])
    }

    @Test("without a record nothing is resumed", arguments: Side.allCases)
    func noRecord(killed: Side) throws {
        let pair = try ResumablePair()
        try pair.kill(killed)
        try WholeFile.remove(pair.recordPath(killed))
        #expect(try pair.restart(killed)[0] == [.arrived])
    }

    @Test(
        "a record that is torn, of the other side, or of another meeting is none",
        arguments: [
            "empty", "one line", "half", "other side", "another meeting", "another page", "more doorbells",
        ])
    func badRecord(kind: String) throws {
        for killed in Side.allCases {
            let pair = try ResumablePair()
            try pair.kill(killed)
            let path = pair.recordPath(killed)
            let text = String(decoding: try WholeFile.contents(of: path), as: UTF8.self)
            let other =
                text.split(separator: "\n").map(String.init).map { line in
                    switch (kind, line.split(separator: " ").first) {
                    case ("other side", "side"): "side \(killed.peer.rawValue)"
                    case ("another meeting", "meeting"): "meeting 77"
                    case ("another page", "page"): "page 4096"
                    case ("more doorbells", "doorbells"): "doorbells 15"
                    default: line
                    }
                }.joined(separator: "\n") + "\n"
            let written =
                switch kind {
                case "empty": ""
                case "one line": "vop-meeting 1\n"
                case "half": String(text.prefix(text.count / 2))
                default: other
                }
            #expect(written != text)
            try WholeFile.replace(path, with: [UInt8](written.utf8), isDurable: false)
            #expect(try pair.restart(killed)[0] == [.arrived])
        }
    }

    @Test("a record that cannot be written is said, and the two meet all the same")
    func unwritable() throws {
        let pair = try ResumablePair(recordDirectory: "/proc/none")
        #expect(pair.notes[0].contains { $0.contains("will not be resumed") })
        try pair.kill(.host)
        #expect(try pair.restart(.host)[0] == [.arrived])
    }

    @Test("descriptors and mappings are as before after a hundred kills")
    func nothingLeaks() throws {
        let pair = try ResumablePair()
        // Of the windows themselves: tests beside this one open and map others meanwhile.
        var inodes: Set<Substring> = []
        for side in Side.allCases {
            let record = String(decoding: try WholeFile.contents(of: pair.recordPath(side)), as: UTF8.self)
            for line in record.split(separator: "\n") where line.hasPrefix("own ") {
                inodes.formUnion(line.split(separator: " ").suffix(1))
            }
        }
        try #require(inodes.count == 2)
        func census() throws -> [Int] {
            let maps = String(
                decoding: try WholeFile.contents(of: "/proc/self/maps", limit: 1 << 24), as: UTF8.self)
            let mapped = maps.split(separator: "\n").count { line in
                line.contains("memfd:vop") && inodes.contains(line.split(separator: " ")[4])
            }
            return [mapped, OpenDescriptors.count { inodes.contains(Substring("\($0.inode)")) }]
        }
        try pair.kill(.guest)
        _ = try pair.restart(.guest)
        let before = try census()
        try #require(before == [4, 4])
        for turn in 0..<100 {
            let side = turn % 2 == 0 ? Side.host : .guest
            try pair.kill(side)
            #expect(try pair.restart(side)[0] == [.resumed])
        }
        #expect(try census() == before)
    }
}

/// Two links that keep records, met; either may be killed and made anew.
final class ResumablePair {
    let place: MeetingPlace
    private let recordDirectory: String
    private var links: [Side: SharedMemoryLink] = [:]
    let notes: [[String]]

    init(recordDirectory: String? = nil) throws {
        let place = try MeetingPlace()
        self.place = place
        self.recordDirectory = recordDirectory ?? place.directory
        var links: [Side: SharedMemoryLink] = [:]
        for side in Side.allCases {
            links[side] = try SharedMemoryLink(
                side, place.settings(recordPath: "\(self.recordDirectory)/\(side.rawValue).meeting"))
            try links[side]?.start()
        }
        self.links = links
        let bench = MeetingBench(try #require(links[.host]), try #require(links[.guest]))
        try bench.runUntilUp()
        notes = bench.notes
    }

    deinit {
        links = [:]
        for side in Side.allCases { unsafe _ = unlink(recordPath(side)) }
    }

    subscript(side: Side) -> SharedMemoryLink {
        guard let link = links[side] else { preconditionFailure("both are there from the start") }
        return link
    }

    func recordPath(_ side: Side) -> String { "\(recordDirectory)/\(side.rawValue).meeting" }

    /// Kills one side; the other has noticed.
    func kill(_ side: Side) throws {
        self[side].vanish()
        try wait(for: side.peer)
    }

    func wait(for side: Side) throws {
        let bench = MeetingBench(self[side])
        try bench.run { self[side].state == .waiting }
    }

    func remake(_ side: Side) throws {
        links[side] = try SharedMemoryLink(side, place.settings(recordPath: recordPath(side)))
        if side == .host { try Socket.awaitSilence(of: .sequencedPackets, at: place.path) }
        try self[side].start()
    }

    /// Starts a side anew, until both are up.
    ///
    /// - Returns: what the new one saw, and the other.
    func restart(_ side: Side) throws -> [[LinkEvents.PeerChange]] {
        try remake(side)
        let bench = MeetingBench(self[side], self[side.peer])
        try bench.runUntilUp()
        return bench.changes
    }
}

/// What this process has open.
enum OpenDescriptors {
    static func count(where isMeant: (FileIdentity) -> Bool) -> Int {
        (CInt(0)..<1024).count { number in
            var status = stat()
            guard unsafe fstat(number, &status) == 0 else { return false }
            return isMeant(FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino)))
        }
    }
}
