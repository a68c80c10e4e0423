import CVOP
import Glibc
import LinuxSystem
import SharedMemory
import Testing
import Virtio

@testable import Links

/// The meeting in memory, with one side by hand: whatever it writes costs it the meeting, and nothing else.
@Suite struct IvshmemMemoryTests {
    // MARK: A guest by hand

    @Test("a guest that says wrong things of itself is not met, one line says why, and the next is met")
    func wrongPresence() throws {
        let cases: [(String, (MemoryWindow, Int) -> Void, String)] = [
            ("no magic", { $0.store32(0, at: $1 + 16) }, "it speaks no protocol of ours"),
            ("another version", { $0.store32(2, at: $1 + 20) }, "it speaks version 2"),
            ("a peer out of range", { $0.store32(65536, at: $1 + 24) }, "it says it is peer 65536"),
            ("our own number", { $0.store32(0, at: $1 + 24) }, "it says it is peer 0, which we are"),
        ]
        for (name, spoil, reason) in cases {
            let place = try MeetingPlace()
            let host = try place.ivshmem(.host)
            try host.start()
            _ = try host.service()
            let memory = try #require(host.port.attachment).memory
            Self.writeGuest(5, in: memory)
            spoil(memory, Self.guestLine)
            let bench = MeetingBench(host)
            try bench.run { bench.notes[0].contains { $0.contains(reason) } }
            for _ in 0..<20 { _ = try host.service() }
            #expect(bench.notes[0].filter { $0.contains("cannot meet") }.count == 1, "\(name)")
            #expect(host.state == .waiting, "\(name)")
            let guest = try place.ivshmem(.guest)
            try guest.start()
            try MeetingBench(host, guest).runUntilUp()
        }
    }

    @Test(
        "numbers of vectors that no side has are taken for as many as are possible",
        arguments: [0, 33, UInt32.max])
    func vectorCount(count: UInt32) throws {
        let place = try MeetingPlace()
        let host = try place.ivshmem(.host)
        try host.start()
        _ = try host.service()
        let memory = try #require(host.port.attachment).memory
        Self.writeGuest(5, in: memory, vectors: count)
        let bench = MeetingBench(host)
        try bench.run { memory.load64(at: Self.hostLine + 8) == 5 }
        memory.store64(memory.load64(at: Self.hostLine), at: Self.guestLine + 8)
        try bench.runUntilUp()
        #expect(host.doorbellCount == (count == 0 ? 1 : 4))
        host.ring(host.allocateDoorbell())
        #expect(host.state == .up)
    }

    @Test("an answer to an earlier attempt is never taken for one to this")
    func lateAnswer() throws {
        let place = try MeetingPlace()
        let host = try place.ivshmem(.host)
        try host.start()
        _ = try host.service()
        let memory = try #require(host.port.attachment).memory
        let bench = MeetingBench(host)
        Self.writeGuest(5, in: memory)
        try bench.run { memory.load64(at: Self.hostLine + 8) == 5 }
        let first = memory.load64(at: Self.hostLine)
        Self.writeGuest(6, in: memory, answered: first)
        try bench.run { memory.load64(at: Self.hostLine + 8) == 6 }
        #expect(memory.load64(at: Self.hostLine) != first && host.state == .waiting)
        memory.store64(memory.load64(at: Self.hostLine), at: Self.guestLine + 8)
        try bench.runUntilUp()
    }

    @Test("a guest that scribbles over every byte costs its meetings; another link's peer stays")
    func scribbler() throws {
        let place = try MeetingPlace()
        let other = try MeetingPlace()
        let host = try place.ivshmem(.host)
        let pair = try [other.ivshmem(.host), other.ivshmem(.guest)]
        try host.start()
        for link in pair { try link.start() }
        _ = try host.service()
        let bystanders = MeetingBench(pair[0], pair[1])
        try bystanders.runUntilUp()
        let memory = try #require(host.port.attachment).memory
        var random = SystemRandomNumberGenerator()
        for round in 0..<200 {
            if round % 2 == 0 { Self.writeGuest(.random(in: 1 ... .max), in: memory) }
            for _ in 0..<64 {
                memory.store64(random.next(), at: Int.random(in: 0..<512) * 8)
            }
            memory.store64(memory.load64(at: Self.hostLine), at: Self.guestLine + 8)
            _ = try host.service()
            for link in pair { _ = try link.service() }
        }
        #expect(pair.allSatisfy { $0.state == .up })
        memory.zero(at: 0, byteCount: 4096)
        let guest = try place.ivshmem(.guest)
        try guest.start()
        try MeetingBench(host, guest).runUntilUp()
    }

    // MARK: A host by hand

    struct Layout: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let change: @Sendable (inout LinkLayout) -> Void

        init(_ name: String, _ change: @escaping @Sendable (inout LinkLayout) -> Void) {
            (testDescription, self.change) = (name, change)
        }
    }

    static let layouts = [
        Layout("a window over the header") { $0.hostWindows[0].base -= 4096 },
        Layout("a window that ends behind the memory") { $0.guestWindows[0].byteCount += 4096 },
        Layout("a window that wraps") { $0.guestWindows[0].byteCount = .max - 4095 },
        Layout("an empty window") { $0.guestWindows[0].byteCount = 0 },
        Layout("a window that overlaps") { $0.guestWindows[0] = $0.hostWindows[0] },
        Layout("a window of another place") { $0.guestWindows[0].base += 1 << 36 },
        Layout("a window at no page") { $0.guestWindows[0].base += 8 },
        Layout("a window at place zero") {
            $0.hostWindows[0].base &= 1 << 36 - 1
            $0.guestWindows[0].base &= 1 << 36 - 1
        },
        Layout("a page in a guest window") { $0.devicePageAddress = $0.guestWindows[0].base },
        Layout("no host windows") { $0.hostWindows = [] },
        Layout("no guest windows") { $0.guestWindows = [] },
        Layout("no doorbells") { $0.hostDoorbellCount = 0 },
        Layout("too many doorbells") { $0.guestDoorbellCount = 33 },
        Layout("another meeting") { $0.meetingID += 1 },
        Layout("no meeting") { $0.meetingID = 0 },
        Layout("a resumed meeting that nobody asked for") { $0.isResumed = true },
    ]

    @Test("a host that lays out what cannot be is not met, and the next is", arguments: layouts)
    func wrongLayout(_ wrong: Layout) throws {
        let place = try MeetingPlace()
        // The guest serves the memory, so that it stays when the host is another.
        let guest = try place.ivshmem(.guest, serves: true)
        try guest.start()
        _ = try guest.service()
        let attachment = try #require(guest.port.attachment)
        let header = LinkHeader(attachment.memory.part(at: 0, byteCount: 4096), seenBy: .host)
        let windows = MemoryPartition(attachment, .guest).windows(ofMeeting: 9)
        var layout = LinkLayout(
            meetingID: 9, devicePageAddress: windows.host.base, hostWindows: [windows.host],
            guestWindows: [windows.guest], hostDoorbellCount: 2, guestDoorbellCount: 4)
        wrong.change(&layout)
        header.lay(out: layout)
        header.announce(
            SidePresence(
                number: 9, answered: header.peerNumber, peer: PeerNumber(rawValue: 7), vectorCount: 2))
        let bench = MeetingBench(guest)
        try bench.run { bench.notes[0].contains { $0.hasPrefix("cannot meet") } }
        #expect(guest.state == .waiting && guest.addressSpace.placements.isEmpty)
        header.withdraw()
        let host = try place.ivshmem(.host, serves: false)
        try host.start()
        try MeetingBench(host, guest).runUntilUp()
    }

    @Test("what two sides write when they meet is what the golden file has")
    func golden() throws {
        let place = try MeetingPlace()
        let host = try place.ivshmem(.host, place.ivshmemSettings(vectors: 8))
        let guest = try place.ivshmem(.guest)
        try host.start()
        try guest.start()
        try MeetingBench(host, guest).runUntilUp()
        let memory = try #require(host.port.attachment).memory
        #expect(memory.load64(at: Self.hostLine) == host.meetingID)
        #expect(memory.load64(at: Self.hostLine + 8) == memory.load64(at: Self.guestLine))
        #expect(memory.load64(at: Self.guestLine + 8) == host.meetingID)
        #expect(memory.load32(at: 0) == VOP_LINK_MAGIC && memory.load32(at: 4) == 1)
        #expect(
            memory.load64(at: 64) & (1 << 36 - 1) == 4096 && memory.load64(at: 128) & (1 << 36 - 1) == 1 << 18
        )
        #expect(memory.load32(at: Self.hostLine + 24) == 0 && memory.load32(at: Self.guestLine + 24) == 1)
    }

    private static let hostLine = Int(VOP_LINK_HOST_PRESENCE_OFFSET)
    private static let guestLine = Int(VOP_LINK_GUEST_PRESENCE_OFFSET)

    private static func writeGuest(
        _ number: UInt64, in memory: MemoryWindow, answered: UInt64 = 0, vectors: UInt32 = 4
    ) {
        LinkHeader(memory.part(at: 0, byteCount: 4096), seenBy: .guest).announce(
            SidePresence(
                number: number, answered: answered, peer: PeerNumber(rawValue: 3), vectorCount: Int(vectors)))
    }
}
