import CLinux
import Glibc
import Links
import LinuxSystem
import SystemPackage
import TestSupport
import Testing
import Virtio

/// A directory of its own for one test's socket, removed afterwards.
final class MeetingPlace {
    let directory: String
    var path: String { directory + "/link" }

    init() throws {
        directory = "/tmp/vop-links-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        try #require(unsafe mkdir(directory, 0o700) == 0)
    }

    deinit {
        unsafe _ = unlink(path)
        unsafe _ = rmdir(directory)
    }

    func settings(limit: Duration = .seconds(20), recordPath: String? = nil) -> SharedMemorySettings {
        SharedMemorySettings(
            socketPath: path, windowByteCount: 1 << 20, meetingLimit: limit, firstRetry: .milliseconds(1),
            longestRetry: .milliseconds(10), recordPath: recordPath)
    }

    func ivshmemSettings(byteCount: Int = 1 << 20, vectors: Int = 4) -> IvshmemSocketSettings {
        IvshmemSocketSettings(
            socketPath: path, byteCount: byteCount, vectorCount: vectors, answerLimit: .seconds(20),
            firstRetry: .milliseconds(1), longestRetry: .milliseconds(10))
    }

    /// A link in one memory that the host serves.
    ///
    /// - Parameter knows: its port tells of peers, as a socket does; a function on a bus does not.
    func ivshmem(
        _ side: Side, serves: Bool? = nil, _ settings: IvshmemSocketSettings? = nil, knows: Bool = true,
        answerLimit: Duration = .seconds(20)
    ) throws -> IvshmemLink {
        let settings = settings ?? ivshmemSettings()
        let port: any SharedMemoryPort =
            serves ?? (side == .host) ? try IvshmemServer(settings) : try IvshmemMember(settings)
        return try IvshmemLink(
            side, over: knows ? port : LesserPort(port, without: .presence),
            IvshmemSettings(
                firstRetry: .milliseconds(1), longestRetry: .milliseconds(10), quietLimit: .milliseconds(20),
                answerLimit: answerLimit))
    }

    /// A link over a bridge in a memory that the host serves.
    func ntb(
        _ side: Side, serves: Bool? = nil, _ settings: IvshmemSocketSettings? = nil
    ) throws -> IvshmemLink {
        let settings = settings ?? ivshmemSettings()
        let port: any SharedMemoryPort =
            serves ?? (side == .host) ? try IvshmemServer(settings) : try IvshmemMember(settings)
        return try IvshmemLink(
            side, kind: "ntb",
            over: try NTBPort(
                over: port, as: side, firstRetry: .milliseconds(1), longestRetry: .milliseconds(10)),
            IvshmemSettings(firstRetry: .milliseconds(1), longestRetry: .milliseconds(10)))
    }

    func link(_ kind: MeetingKind, _ side: Side, socketMode: UInt32 = 0o600) throws -> any Link {
        switch kind {
        case .shm:
            var settings = settings()
            settings.socketMode = socketMode
            return try SharedMemoryLink(side, settings)
        case .ivshmem, .ivshmemOfGuest:
            var settings = ivshmemSettings()
            settings.socketMode = socketMode
            return try ivshmem(side, serves: side == (kind == .ivshmem ? .host : .guest), settings)
        case .ntb, .ntbOfGuest:
            var settings = ivshmemSettings()
            settings.socketMode = socketMode
            return try ntb(side, serves: side == (kind == .ntb ? .host : .guest), settings)
        }
    }

    func link(_ side: Side, limit: Duration = .seconds(20)) throws -> SharedMemoryLink {
        try SharedMemoryLink(side, settings(limit: limit))
    }
}

/// Serves links until something is so. What happened on each is kept.
final class MeetingBench {
    let links: [any Link]
    private(set) var changes: [[LinkEvents.PeerChange]]
    private(set) var notes: [[String]]
    private(set) var rung: [DoorbellSet]

    init(_ links: any Link...) {
        self.links = links
        changes = links.map { _ in [] }
        notes = links.map { _ in [] }
        rung = links.map { _ in DoorbellSet() }
    }

    /// - Throws: when it is not so within the hang guard.
    func run(until isSo: () throws -> Bool) throws {
        let limit = ContinuousClock.Instant.now + HangGuard.limit
        let poller = try Poller()
        for (index, link) in links.enumerated() {
            try poller.add(link.pollDescriptor, .readable, token: UInt64(index))
        }
        while try !isSo() {
            try #require(.now < limit, "not in time; notes: \(notes)")
            for (index, link) in links.enumerated() {
                let events = try link.service()
                if let change = events.peer { changes[index].append(change) }
                notes[index] += events.notes
                for number in 0..<link.doorbellCount {
                    guard let number = DoorbellNumber(rawValue: number) else { continue }
                    if events.doorbells.contains(number) { rung[index].insert(number) }
                }
            }
            if try isSo() { return }
            let next = links.compactMap(\.nextDeadline).min() ?? limit
            _ = try poller.wait(for: min(next - .now, .milliseconds(20)))
        }
    }

    func runUntilUp() throws { try run { links.allSatisfy { $0.state == .up } } }
}

/// The links that two processes meet over; of ivshmem either side may serve the memory.
enum MeetingKind: CaseIterable, Sendable {
    case shm
    case ivshmem
    case ivshmemOfGuest
    case ntb
    case ntbOfGuest

    /// Those in which the host listens.
    static let ofHost: [MeetingKind] = [.shm, .ivshmem, .ntb]

    var word: String {
        switch self {
        case .shm: "shm"
        case .ivshmem, .ivshmemOfGuest: "ivshmem"
        case .ntb, .ntbOfGuest: "ntb"
        }
    }
}

/// Two that have met, and where.
func met(
    _ kind: MeetingKind
) throws -> (place: MeetingPlace, host: any Link, guest: any Link, bench: MeetingBench) {
    let place = try MeetingPlace()
    let host = try place.link(kind, .host)
    let guest = try place.link(kind, .guest)
    try host.start()
    try guest.start()
    let bench = MeetingBench(host, guest)
    try bench.runUntilUp()
    return (place, host, guest, bench)
}

/// A port that lacks what functions on a bus may lack.
final class LesserPort: SharedMemoryPort {
    enum Lack {
        /// It tells of nobody's coming and going.
        case presence
        /// Nobody can ring its side.
        case vectors
    }

    private let port: any SharedMemoryPort
    private let lack: Lack

    init(_ port: any SharedMemoryPort, without lack: Lack) { (self.port, self.lack) = (port, lack) }

    var place: String { port.place }
    var pollDescriptor: CInt { port.pollDescriptor }
    var nextDeadline: ContinuousClock.Instant? { port.nextDeadline }
    var attachment: SharedMemoryAttachment? {
        guard let attachment = port.attachment, lack == .vectors else { return port.attachment }
        return SharedMemoryAttachment(
            memory: attachment.memory, ownNumber: attachment.ownNumber, vectors: [])
    }
    func open() throws(LinkError) { try port.open() }
    func close() { port.close() }
    func ring(_ vector: Int, of peer: PeerNumber) { port.ring(vector, of: peer) }
    func isPresent(_ peer: PeerNumber) -> Bool? { lack == .presence ? nil : port.isPresent(peer) }
    func service() throws(LinkError) -> SharedMemoryPortEvents {
        var events = try port.service()
        if lack == .presence { (events.joined, events.left) = ([], []) }
        return events
    }
}

/// A peer made by hand: says what a test tells it to.
struct ScriptedPeer: ~Copyable {
    let socket: Socket

    static func connected(to path: String) throws -> ScriptedPeer {
        ScriptedPeer(socket: try Socket.connected(.sequencedPackets, to: path))
    }

    borrowing func next() throws -> (bytes: [UInt8], descriptors: [CInt])? {
        try socket.receive(capacity: 4096, descriptorCapacity: 64)
    }
}

/// An open descriptor of some kind that a test sends.
enum TestDescriptor {
    static func window(_ byteCount: Int) throws -> CInt {
        try checked(unsafe clinux_sealed_memory("test", UInt64(byteCount)))
    }

    /// A file in memory with the right size, and no seals but the one against sealing.
    static func unsealed(_ byteCount: Int) throws -> CInt {
        let descriptor = unsafe open("/dev/shm", temporaryFile | O_RDWR | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0 && ftruncate(descriptor, byteCount) == 0)
        return descriptor
    }

    /// A sealed window of huge pages, and two doorbells.
    static func hugePages(_ byteCount: Int) throws -> [CInt] {
        typealias Create = @convention(c) (UnsafePointer<CChar>, CUnsignedInt) -> CInt
        guard let address = unsafe dlsym(nil, "memfd_create") else { throw Errno.noFunction }
        // SAFETY: memfd_create(2), which the Glibc module does not show, has this type.
        let create = unsafe unsafeBitCast(address, to: Create.self)
        let (allowSealing, huge) = (CUnsignedInt(2), CUnsignedInt(4))
        let descriptor = unsafe create("test", allowSealing | huge)
        let (addSeals, shrinkGrowSeal) = (CInt(1033), CInt(7))
        try #require(descriptor >= 0 && ftruncate(descriptor, byteCount) == 0)
        try #require(fcntl(descriptor, addSeals, shrinkGrowSeal) == 0)
        return [descriptor] + (try doorbells(2))
    }

    private static let temporaryFile: CInt = 0o20200000

    /// A file that no file system keeps in memory: /tmp may be a tmpfs, whose files have seals.
    static func file() throws -> CInt {
        let descriptor = unsafe open("/proc/self/maps", O_RDONLY | O_CLOEXEC)
        try #require(descriptor >= 0)
        return descriptor
    }

    static func doorbells(_ count: Int) throws -> [CInt] {
        try (0..<count).map { _ in try checked(clinux_eventfd()) }
    }

    static func close(_ descriptors: [CInt]) { for descriptor in descriptors { _ = Glibc.close(descriptor) } }
}
