import CLinux
import Glibc
import Links
import LinuxSystem
import SystemPackage
import Virtio

extension FuzzTarget {
    /// A process that connects to an `shm` link's socket, or listens where a guest connects, and says anything.
    ///
    /// Input: which side is tried, then messages: a kind and number of descriptors, and the bytes of one packet.
    static let meeting = FuzzTarget(name: "meeting") { bytes in
        var input = FuzzInput(bytes)
        if input.byte() & 1 == 0 { tryHost(&input) } else { tryGuest(&input) }
    }

    private static func tryHost(_ input: inout FuzzInput) {
        let host = MeetingHost.shared
        guard let peer = try? Socket.connected(.sequencedPackets, to: host.path) else {
            fatalError("does not hold: a host goes on listening")
        }
        say(&input, to: peer, host.link)
        host.settle()
        require(host.link.state != .up, "a meeting of which the guest is gone is over")
    }

    private static func tryGuest(_ input: inout FuzzInput) {
        let path = MeetingHost.directory + "/guest"
        unsafe _ = unlink(path)
        guard let listener = try? Socket.listening(.sequencedPackets, at: path),
            let link = try? SharedMemoryLink(.guest, MeetingHost.settings(path))
        else { fatalError("no socket to try") }
        try? link.start()
        _ = try? link.service()
        guard let peer = try? listener.accept() else { return link.stop() }
        say(&input, to: peer, link)
        _ = try? link.service()
        link.stop()
    }

    /// Says it all, and hangs up.
    private static func say(_ input: inout FuzzInput, to peer: consuming Socket, _ link: SharedMemoryLink) {
        var count = 0
        while !input.isEmpty, count < 8 {
            let kinds = input.number16()
            let descriptors = (0..<Int(kinds & 7)).compactMap { descriptor(kinds >> (3 + $0 % 6)) }
            let packet = input.block()
            if !packet.isEmpty { try? peer.send(packet, descriptors: descriptors) }
            for descriptor in descriptors { close(descriptor) }
            _ = try? link.service()
            _ = try? link.service()
            count += 1
        }
        // A process that a neighbour is starting may have the socket for a moment longer.
        _ = clinux_shut_down(peer.rawDescriptor)
    }

    /// A sealed memory file, a plain file, or an eventfd.
    private static func descriptor(_ kind: UInt16) -> CInt? {
        switch kind & 3 {
        case 0:
            guard let file = try? MemoryFile(name: "fuzz", byteCount: 1 << 20) else { return nil }
            return try? file.descriptor.duplicate().release()
        case 1: return unsafe open("/dev/null", O_RDWR)
        default: return clinux_eventfd()
        }
    }
}

/// One host that meets every peer.
private final class MeetingHost: @unchecked Sendable {
    static let shared = MeetingHost()
    static let directory = ScratchDirectory.make("meeting")
    let link: SharedMemoryLink
    var path: String { Self.directory + "/host" }

    static func settings(_ path: String) -> SharedMemorySettings {
        SharedMemorySettings(
            socketPath: path, windowByteCount: 1 << 20, meetingLimit: .seconds(20),
            firstRetry: .milliseconds(1),
            longestRetry: .milliseconds(10))
    }

    private init() {
        do {
            link = try SharedMemoryLink(.host, Self.settings(Self.directory + "/host"))
            try link.start()
        } catch { fatalError("no link to try: \(error)") }
    }

    /// Until the host has noticed that its peer is gone.
    func settle() {
        let end = ContinuousClock.now.advanced(by: .seconds(20))
        repeat { _ = try? link.service() } while link.state == .up && ContinuousClock.now < end
    }
}
