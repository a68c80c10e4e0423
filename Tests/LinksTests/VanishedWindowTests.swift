import Glibc
import SharedMemory
import Testing
import Virtio

@testable import Links

/// A window that vanishes under a link that is up: that meeting is lost, and nothing else.
@Suite struct VanishedWindowTests {
    /// Takes a window's pages away as a truncation of its file would: its addresses then lie beyond a file's end.
    private func takeAway(_ window: MemoryWindow) throws {
        let file = try TestDescriptor.unsealed(window.byteCount)
        defer { TestDescriptor.close([file]) }
        let mapped = unsafe window.lend(at: 0, byteCount: window.byteCount, crossesAs: nil) { memory in
            unsafe mmap(
                memory.baseAddress, memory.count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0)
                == memory.baseAddress
        }
        try #require(mapped && ftruncate(file, 0) == 0)
    }

    @Test(
        "a window that vanishes costs the meeting: the two meet afresh, and another link goes on",
        arguments: Side.allCases, Side.allCases)
    func vanishes(seenBy side: Side, windowOf owner: Side) throws {
        let pair = try ResumablePair()
        let other = try ResumablePair()
        let first = pair[.host].meetingID
        let window = try #require(pair[side].windows(of: owner).placements.first?.window)
        try takeAway(window)
        #expect(window.load64(at: 4096) == 0)
        #expect(pair[side].nextDeadline.map { $0 <= .now } == true)
        let bench = MeetingBench(pair[side], pair[side.peer])
        try bench.run { bench.changes.allSatisfy { $0.last == .arrived } }
        #expect(bench.changes[0].first == .gone("memory of its windows has vanished (SIGBUS)"))
        #expect(pair[side].meetingID == pair[side.peer].meetingID && pair[side].meetingID != first)
        let fresh = try #require(pair[side].windows(of: owner).placements.first?.window)
        #expect(!fresh.hasVanished && !pair[side].addressSpace.hasVanished)
        #expect(window.hasVanished)

        _ = try other[side].service()
        #expect(other[side].state == .up && other[side].nextDeadline.map { $0 <= .now } != true)
    }
}
