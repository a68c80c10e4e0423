import LinuxSystem
import SystemPackage

/// One connection of a meeting. It stays open, silent, for as long as the two are met: its end is the peer's end.
final class MeetingSocket {
    private let socket: Socket

    init(_ socket: consuming Socket) { self.socket = socket }

    var rawDescriptor: CInt { socket.rawDescriptor }

    /// Who is at the other end, for the log.
    var peerName: String {
        do throws(Errno) {
            let peer = try socket.peerCredentials()
            return "process \(peer.process) of user \(peer.user)"
        } catch { return "a process that is gone" }
    }

    /// As whom its process connected, or listens.
    var peerUser: UInt32? {
        do throws(Errno) { return try socket.peerCredentials().user } catch { return nil }
    }

    func send(_ bytes: [UInt8], descriptors: [CInt] = []) throws(MeetingRefusal) {
        do throws(Errno) {
            try socket.send(bytes, descriptors: descriptors)
        } catch { throw MeetingRefusal("it takes no message: \(error)") }
    }

    func tryToSend(_ bytes: [UInt8]) {
        do throws(MeetingRefusal) { try send(bytes) } catch { return }
    }

    /// The next message and what came with it: `nil` when there is none yet.
    ///
    /// - Throws: when the peer hung up or sent what no message can be.
    func receive() throws(MeetingRefusal) -> MeetingPacket? {
        let message: (bytes: [UInt8], descriptors: [CInt])
        do throws(Errno) {
            guard
                let next = try socket.receive(
                    capacity: MeetingMessage.byteCountMaximum,
                    descriptorCapacity: MeetingMessage.descriptorCountMaximum)
            else { return nil }
            message = next
        } catch {
            throw MeetingRefusal(
                error == .messageTooLong ? "it sent more than any message has" : "it hung up: \(error)")
        }
        let descriptors = ReceivedDescriptors(owning: message.descriptors)
        guard !message.bytes.isEmpty else { throw MeetingRefusal("it hung up") }
        return MeetingPacket(bytes: message.bytes, descriptors: descriptors)
    }

    /// `nil` while the peer is there and silent, else why it is gone.
    func hungUp() -> String? {
        do throws(MeetingRefusal) {
            guard let packet = try receive() else { return nil }
            return "the peer sent \(packet.bytes.count) bytes out of turn"
        } catch { return "the peer: \(error.reason)" }
    }
}

/// One message as received.
struct MeetingPacket: ~Copyable {
    let bytes: [UInt8]
    var descriptors: ReceivedDescriptors
}
