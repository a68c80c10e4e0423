import LinuxSystem
import SharedMemory
import SystemPackage
import Virtio

/// Somebody who connected to the host's socket and may become its guest.
final class HostCandidate {
    private enum Stage {
        case silent
        case welcomed(meetingID: UInt64, MetPeer)
    }

    let token: UInt64
    let name: String
    private(set) var deadline: ContinuousClock.Instant
    private let socket: MeetingSocket
    private let user: UInt32?
    private var stage = Stage.silent

    init(_ socket: consuming Socket, token: UInt64, deadline: ContinuousClock.Instant) {
        self.socket = MeetingSocket(socket)
        name = self.socket.peerName
        user = self.socket.peerUser
        self.token = token
        self.deadline = deadline
    }

    var isWelcomed: Bool { if case .welcomed = stage { true } else { false } }
    var rawDescriptor: CInt { socket.rawDescriptor }

    /// Hears what it said, if it did, and answers.
    ///
    /// - Parameter isTaken: another guest is here, or has been welcomed.
    /// - Returns: the peer, once it has said READY.
    /// - Throws: why it will not be our guest.
    func hear(for host: HostMeeting, isTaken: Bool) throws(MeetingRefusal) -> MetPeer? {
        guard var packet = try socket.receive() else { return nil }
        switch stage {
        case .silent:
            let hello = try MeetingHello(untrusted: packet.bytes, descriptorCount: packet.descriptors.count)
            guard !isTaken else { throw MeetingRefusal(.busy, "a guest is here already") }
            try welcome(hello, &packet.descriptors, for: host)
            return nil
        case .welcomed(let meetingID, let peer):
            let ready = try MeetingReady(untrusted: packet.bytes, descriptorCount: packet.descriptors.count)
            guard ready.meetingID == meetingID else { throw MeetingRefusal("ready for another meeting") }
            return peer
        }
    }

    /// Tells it why not; that it does not listen changes nothing.
    func refuse(_ refusal: MeetingRefusal) { socket.tryToSend(MeetingWelcome.encoded(refusal)) }

    private func welcome(
        _ hello: MeetingHello, _ descriptors: inout ReceivedDescriptors, for host: HostMeeting
    ) throws(MeetingRefusal) {
        var windows: [SealedWindow] = []
        for (index, byteCount) in hello.windowByteCounts.enumerated() {
            windows.append(try descriptors.takeWindow(index, byteCount: byteCount))
        }
        let returned = try descriptors.takeReturned(hello.earlier?.returned ?? [])
        let doorbells = try descriptors.takeDoorbells(hello.doorbellCount)
        let welcome = try host.welcome(hello, windows, returned: returned ?? [], user: user)
        try socket.send(welcome.message.encoded(), descriptors: welcome.descriptors)
        let peer = MetPeer(
            socket: socket, meeting: welcome.meeting, isResumed: welcome.isResumed, windows: welcome.windows,
            header: welcome.header, ownDoorbells: welcome.ownDoorbells, peerDoorbells: doorbells)
        stage = .welcomed(meetingID: welcome.message.meetingID, peer)
        deadline = host.replyDeadline
    }
}
