import LinuxSystem
import SharedMemory
import SystemPackage

/// One connection to somebody else's ivshmem server, and what it has said so far.
final class IvshmemConnection {
    /// Peers that a server may tell of.
    private static let peerLimit = 256
    /// What is believed of one peer's vectors.
    private static let vectorLimit = MeetingLimits.vectorCounts.upperBound
    /// So many messages are heard at one time: a server that never stops keeps nobody else waiting.
    private static let turn = 64
    /// How long after its last word a server may still be telling us our own vectors, whose number it never says.
    private static let pause = Duration.milliseconds(50)

    private let socket: Socket
    private var reader = IvshmemReader()
    private var hasVersion = false
    private var number: PeerNumber?
    private var memory: SealedWindow?
    private var peers: [PeerNumber: [EventCounter]] = [:]
    /// When it must have said more, or has said enough.
    private(set) var deadline: ContinuousClock.Instant?
    private let limit: Duration
    private(set) var attachment: SharedMemoryAttachment?

    init(_ socket: consuming Socket, limit: Duration) {
        self.socket = socket
        self.limit = limit
        deadline = .now + limit
    }

    var rawDescriptor: CInt { socket.rawDescriptor }

    func isPresent(_ peer: PeerNumber) -> Bool { peers[peer] != nil }

    func ring(_ vector: Int, of peer: PeerNumber) {
        guard let vectors = peers[peer], vectors.indices.contains(vector) else { return }
        vectors[vector].signalShared()
    }

    /// Hears what it said.
    ///
    /// - Throws: why this connection is of no use, or no more.
    func hear(_ events: inout SharedMemoryPortEvents) throws(MeetingRefusal) {
        var heardCount = 0
        while heardCount < Self.turn, let message = try reader.next(from: socket) {
            heardCount += 1
            try take(message, &events)
        }
        guard attachment == nil else { return }
        if heardCount > 0, memory != nil { deadline = .now + (own.isEmpty ? limit : Self.pause) }
        guard let end = deadline, end <= .now else { return }
        guard let number, let memory else {
            throw MeetingRefusal(
                self.number == nil
                    ? "it said nothing of use for \(limit)" : "it sent no descriptor of a memory for \(limit)"
            )
        }
        deadline = nil
        attachment = SharedMemoryAttachment(memory: memory.window, ownNumber: number, vectors: own)
        events.change = .attached
    }

    private var own: [EventCounter] { number.flatMap { peers[$0] } ?? [] }

    private func take(
        _ message: consuming IvshmemReader.Received, _ events: inout SharedMemoryPortEvents
    ) throws(MeetingRefusal) {
        let value = message.value
        let descriptor = message.descriptor.take()
        guard hasVersion else {
            guard value == IvshmemMessage.version, descriptor == nil else {
                throw MeetingRefusal("it speaks version \(value) of ivshmem's protocol; 0 is known here")
            }
            return hasVersion = true
        }
        guard let number else {
            guard let number = PeerNumber(untrusted: value), descriptor == nil else {
                throw MeetingRefusal("it gave us the number \(value); 0 to 65535 are possible")
            }
            return self.number = number
        }
        if value == IvshmemMessage.memoryMark { return try takeMemory(descriptor) }
        guard let peer = PeerNumber(untrusted: value) else {
            throw MeetingRefusal("it spoke of peer \(value); 0 to 65535 are possible")
        }
        if let descriptor {
            try takeVector(descriptor, of: peer, isOwn: peer == number, &events)
        } else if peer != number, peers.removeValue(forKey: peer) != nil {
            events.left.append(peer)
        }
    }

    private func takeMemory(_ descriptor: consuming OwnedDescriptor?) throws(MeetingRefusal) {
        guard let descriptor else { throw MeetingRefusal("it sent no descriptor of a memory") }
        guard memory == nil else { throw MeetingRefusal("it sent a second memory") }
        do throws(Errno) {
            memory = try SealedWindow(foreign: descriptor)
        } catch {
            throw MeetingRefusal(
                .window,
                error == .invalidArgument
                    ? "its memory is no file of ordinary pages in memory"
                    : "its memory could not be mapped: \(error)")
        }
    }

    private func takeVector(
        _ descriptor: consuming OwnedDescriptor, of peer: PeerNumber, isOwn: Bool,
        _ events: inout SharedMemoryPortEvents
    ) throws(MeetingRefusal) {
        let known = peers[peer]?.count ?? 0
        // Our own are what they were when we said how many there are; more than that nobody needs.
        guard known < Self.vectorLimit, !(isOwn && attachment != nil) else { return }
        guard known > 0 || peers.count < Self.peerLimit else {
            throw MeetingRefusal("it told of more than \(Self.peerLimit) peers")
        }
        do throws(Errno) {
            peers[peer, default: []].append(try EventCounter(untrusted: descriptor))
        } catch { throw MeetingRefusal(.doorbells, "vector \(known) of peer \(peer) is no eventfd") }
        if known == 0, !isOwn { events.joined.append(peer) }
    }
}
