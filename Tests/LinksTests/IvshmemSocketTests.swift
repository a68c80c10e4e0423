import Glibc
import LinuxSystem
import SharedMemory
import SystemPackage
import TestSupport
import Testing
import Virtio

@testable import Links

/// The ivshmem server's protocol: our server with clients by hand, and our client with a server by hand.
@Suite struct IvshmemSocketTests {
    // MARK: Our server

    @Test("a client is told version, number, memory, every peer's vectors and its own, in QEMU's order")
    func greeting() throws {
        let place = try MeetingPlace()
        let server = try IvshmemServer(place.ivshmemSettings(vectors: 2))
        try server.open()
        _ = try server.service()
        let one = try Client(at: place.path)
        _ = try server.service()
        #expect(try one.take(7) == ["0", "1", "-1+", "0+", "0+", "1+", "1+"])
        let two = try Client(at: place.path)
        _ = try server.service()
        #expect(try two.take(9) == ["0", "2", "-1+", "0+", "0+", "1+", "1+", "2+", "2+"])
        #expect(try one.take(2) == ["2+", "2+"])
        two.hangUp()
        let events = try server.service()
        #expect(events.left == [PeerNumber(rawValue: 2)])
        #expect(try one.take(1) == ["2"])
    }

    @Test("a client that speaks is sent away, and nobody else is")
    func speaker() throws {
        let (place, host, guest, bench) = try met(.ivshmem)
        let client = try Client(at: place.path)
        try bench.run { bench.notes[0].contains { $0.hasPrefix("peer 2 joined") } }
        try client.socket.send([1])
        try bench.run { bench.notes[0].contains("peer 2 left: it spoke, which no client of ivshmem does") }
        #expect(host.state == .up && guest.state == .up)
    }

    @Test("a client that listens to nothing is given up in time, and holds nobody up")
    func silentClient() throws {
        let place = try MeetingPlace()
        var settings = place.ivshmemSettings(vectors: 8)
        settings.answerLimit = .milliseconds(200)
        let server = try IvshmemServer(settings)
        try server.open()
        _ = try server.service()
        let deaf = try Client(at: place.path)
        var notes: [String] = []
        _ = try server.service()
        // Each that comes and goes is told to the deaf one.
        for _ in 0..<60 {
            let passing = try Client(at: place.path)
            notes += try server.service().notes
            passing.hangUp()
            notes += try server.service().notes
        }
        let end = ContinuousClock.now + HangGuard.limit
        while .now < end, !notes.contains(where: { $0.hasPrefix("peer 1 left") }) {
            try Poller().wait(for: .milliseconds(5)) { _ in }
            notes += try server.service().notes
        }
        #expect(
            notes.filter { $0.hasPrefix("peer 1 left") } == ["peer 1 left: it took nothing for 0.2 seconds"])
        withExtendedLifetime(deaf) {}
    }

    @Test("more clients than the server takes are refused, and say so")
    func crowd() throws {
        let place = try MeetingPlace()
        let server = try IvshmemServer(place.ivshmemSettings(vectors: 1))
        try server.open()
        var clients: [Client] = []
        var notes: [String] = []
        for _ in 0...IvshmemServer.clientLimit {
            clients.append(try Client(at: place.path))
            notes += try server.service().notes
        }
        #expect(notes.last == "refused a client: 16 have joined already")
    }

    // MARK: Somebody else's server

    struct Bad: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let says: @Sendable (borrowing Socket) throws -> Void
        let reason: String

        init(_ name: String, _ reason: String, _ says: @escaping @Sendable (borrowing Socket) throws -> Void)
        {
            (testDescription, self.reason, self.says) = (name, reason, says)
        }
    }

    static let badServers = [
        Bad("wrong version", "it speaks version 7 of ivshmem's protocol; 0 is known here") {
            try say(7, to: $0)
        },
        Bad("a number out of range", "it gave us the number 65536") {
            try say(0, to: $0)
            try say(65536, to: $0)
        },
        Bad("hangs up in the middle", "it hung up in the middle of a word") {
            try say(0, to: $0)
            try $0.send([1, 0, 0])
            $0.shutDown()
        },
        Bad("hangs up before the memory", "it hung up") {
            try say(0, to: $0)
            try say(3, to: $0)
            $0.shutDown()
        },
        Bad("no descriptor of a memory", "it sent no descriptor of a memory") {
            try say(0, to: $0)
            try say(3, to: $0)
            try say(-1, to: $0)
        },
        Bad("a memory that is a file on disk", "its memory is no file of ordinary pages in memory") {
            try say(0, to: $0)
            try say(3, to: $0)
            try say(-1, to: $0, try TestDescriptor.file())
        },
        Bad("a vector that is no eventfd", "vector 0 of peer 3 is no eventfd") {
            try say(0, to: $0)
            try say(3, to: $0)
            try say(-1, to: $0, try TestDescriptor.unsealed(1 << 20))
            try say(3, to: $0, try TestDescriptor.file())
        },
        Bad("a peer out of range", "it spoke of peer -2") {
            try say(0, to: $0)
            try say(3, to: $0)
            try say(-2, to: $0)
        },
        Bad("a memory without room for a device", "a memory of 4096 bytes; a link needs") {
            try say(0, to: $0)
            try say(3, to: $0)
            try say(-1, to: $0, try TestDescriptor.unsealed(4096))
            try say(3, to: $0, try TestDescriptor.doorbells(1)[0])
        },
    ]

    @Test(
        "a server that says what is wrong is left, one line says why, and the next is joined",
        arguments: badServers)
    func badServer(_ bad: Bad) throws {
        let place = try MeetingPlace()
        let link = try place.ivshmem(.guest)
        let bench = MeetingBench(link)
        do {
            let listener = try Socket.listening(.stream, at: place.path, mode: 0o600)
            try link.start()
            _ = try link.service()
            guard let socket = try listener.accept() else {
                Issue.record("nobody connected")
                return
            }
            try bad.says(socket)
            try bench.run { bench.notes[0].contains { $0.contains(bad.reason) } }
            #expect(link.state == .waiting)
            _ = consume socket
        }
        let host = try place.ivshmem(.host)
        try host.start()
        try MeetingBench(host, link).runUntilUp()
    }

    @Test("a server that says nothing is left in time")
    func silentServer() throws {
        let place = try MeetingPlace()
        var settings = place.ivshmemSettings()
        settings.answerLimit = .milliseconds(50)
        let link = try place.ivshmem(.guest, settings)
        let listener = try Socket.listening(.stream, at: place.path, mode: 0o600)
        try link.start()
        let bench = MeetingBench(link)
        try bench.run { bench.notes[0].contains { $0.contains("it said nothing of use for 0.05 seconds") } }
        _ = consume listener
    }

    @Test("a server that says more than is heard at one time is heard in turns, and nothing is lost")
    func talkative() throws {
        let place = try MeetingPlace()
        let listener = try Socket.listening(.stream, at: place.path, mode: 0o600)
        let port = try IvshmemMember(place.ivshmemSettings())
        port.open()
        _ = try port.service()
        guard let socket = try listener.accept() else {
            Issue.record("nobody connected")
            return
        }
        try Self.say(0, to: socket)
        try Self.say(3, to: socket)
        let peers = Int64(100)..<200
        for peer in peers { try Self.say(peer, to: socket, try TestDescriptor.doorbells(1)[0]) }
        var joined = try port.service().joined
        #expect(!joined.isEmpty && joined.count < peers.count)
        try eventually("every peer") {
            joined += try port.service().joined
            return joined.count >= peers.count
        }
        #expect(joined.map { Int64($0.rawValue) } == Array(peers))
    }

    @Test(
        "a memory without seals that is truncated while it is used costs the meeting, and the two meet again")
    func truncated() throws {
        let place = try MeetingPlace()
        let file = try TestDescriptor.unsealed(1 << 20)
        let server = try HandServer(at: place.path, memory: file)
        let host = try place.ivshmem(.host, serves: false)
        let guest = try place.ivshmem(.guest)
        for link in [host, guest] {
            try link.start()
            _ = try link.service()
            try server.accept()
        }
        let bench = MeetingBench(host, guest)
        try bench.runUntilUp()
        let page = try #require(host.windows(of: .host).placements.first?.window)
        try #require(ftruncate(file, 0) == 0)
        _ = page.load64(at: 0)
        #expect(page.hasVanished)
        try bench.run { bench.changes[0].last == .gone("memory of its windows has vanished (SIGBUS)") }
        try #require(ftruncate(file, 1 << 20) == 0)
        try bench.run {
            try server.accept()
            return bench.changes.allSatisfy { $0.last == .arrived && $0.count > 1 }
        }
        TestDescriptor.close([file])
    }

    private static func say(_ value: Int64, to socket: borrowing Socket, _ descriptor: CInt? = nil) throws {
        let bytes = (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        try socket.send(bytes, descriptors: descriptor.map { [$0] } ?? [])
        if let descriptor { TestDescriptor.close([descriptor]) }
    }

    /// Takes what a server says, as text: a number, and + where a descriptor came with it.
    private final class Client {
        let socket: Socket

        init(at path: String) throws { socket = try Socket.connected(.stream, to: path) }

        func take(_ count: Int) throws -> [String] {
            var words: [String] = []
            var reader = IvshmemReader()
            while words.count < count, let next = try reader.next(from: socket) {
                words.append("\(next.value)" + (next.descriptor == nil ? "" : "+"))
            }
            return words
        }

        func hangUp() { socket.shutDown() }
    }

    /// A server as simple as one can be: two vectors each, and nobody is told of anybody's leaving.
    private final class HandServer {
        private let listener: Socket
        private let memory: CInt
        private var sockets: [Int64: Box] = [:]
        private var vectors: [Int64: [CInt]] = [:]

        private final class Box {
            let socket: Socket
            init(_ socket: consuming Socket) { self.socket = socket }
        }

        init(at path: String, memory: CInt) throws {
            listener = try Socket.listening(.stream, at: path, mode: 0o600)
            self.memory = memory
        }

        func accept() throws {
            while let socket = try listener.accept() {
                let number = Int64(sockets.count + 1)
                let own = try TestDescriptor.doorbells(2)
                let box = Box(socket)
                try tell(box, 0, [])
                try tell(box, number, [])
                try tell(box, -1, [memory])
                for (peer, descriptors) in vectors.sorted(by: { $0.key < $1.key }) {
                    for descriptor in descriptors { try tell(box, peer, [descriptor]) }
                }
                for descriptor in own {
                    for other in sockets.values { try tell(other, number, [descriptor]) }
                    try tell(box, number, [descriptor])
                }
                sockets[number] = box
                vectors[number] = own
            }
        }

        private func tell(_ box: Box, _ value: Int64, _ descriptors: [CInt]) throws {
            let bytes = (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
            do throws(Errno) { try box.socket.send(bytes, descriptors: descriptors) } catch { return }
        }

        deinit { for descriptors in vectors.values { TestDescriptor.close(descriptors) } }
    }
}
