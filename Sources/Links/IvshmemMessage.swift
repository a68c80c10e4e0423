import LinuxSystem
import SystemPackage

/// One word of the ivshmem server's protocol: eight bytes, little-endian, and often a descriptor.
///
/// ```
///   to a newcomer   version 0 · its number · −1 + memory · of every peer, then of itself: number + eventfd, one a vector
///   to the others   number + eventfd, one for each of the newcomer's vectors
///   on leaving      the bare number
/// ```
/// Nothing is ever said to the server. (QEMU, docs/specs/ivshmem-spec: "Interrupt setup", "the protocol".)
enum IvshmemMessage {
    static let byteCount = 8
    static let version: Int64 = 0
    static let memoryMark: Int64 = -1

    case number(Int64)
    case memory(SealedWindow)
    case vector(PeerNumber, EventCounter)

    var bytes: [UInt8] {
        let value =
            switch self {
            case .number(let number): number
            case .memory: Self.memoryMark
            case .vector(let peer, _): Int64(peer.rawValue)
            }
        var bytes = [UInt8](repeating: 0, count: Self.byteCount)
        var span = bytes.mutableSpan
        span.store(littleEndian: value, at: 0)
        return bytes
    }

    var descriptors: [CInt] {
        switch self {
        case .number: []
        case .memory(let memory): [memory.rawDescriptor]
        case .vector(_, let counter): [counter.rawDescriptor]
        }
    }
}

/// Takes messages off a stream, where they may come in pieces.
struct IvshmemReader: ~Copyable {
    /// One message as it came: its number, and the descriptor with it.
    struct Received: ~Copyable {
        let value: Int64
        var descriptor: OwnedDescriptor?
    }

    private var bytes: [UInt8] = []
    private var descriptor: OwnedDescriptor?

    init() {}

    /// The next message, `nil` when none is there yet.
    ///
    /// - Throws: when the server hung up or sent what no message can be.
    mutating func next(from socket: borrowing Socket) throws(MeetingRefusal) -> Received? {
        while bytes.count < IvshmemMessage.byteCount {
            guard try fill(from: socket) else { return nil }
        }
        let value: Int64 = bytes.span.littleEndian(at: 0)
        bytes = []
        return Received(value: value, descriptor: descriptor.take())
    }

    private mutating func fill(from socket: borrowing Socket) throws(MeetingRefusal) -> Bool {
        let received: (bytes: [UInt8], descriptors: [CInt])?
        do throws(Errno) {
            received = try socket.receive(
                capacity: IvshmemMessage.byteCount - bytes.count, descriptorCapacity: 1)
        } catch {
            throw MeetingRefusal(
                error == .messageTooLong ? "it sent several descriptors at once" : "it hung up: \(error)")
        }
        guard let received else { return false }
        if let carried = received.descriptors.first {
            let carried = OwnedDescriptor(owning: carried)
            guard descriptor == nil else { throw MeetingRefusal("it sent several descriptors at once") }
            descriptor = consume carried
        }
        guard !received.bytes.isEmpty else {
            throw MeetingRefusal(bytes.isEmpty ? "it hung up" : "it hung up in the middle of a word")
        }
        bytes += received.bytes
        return true
    }
}
