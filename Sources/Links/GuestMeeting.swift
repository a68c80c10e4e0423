import LinuxSystem
import SharedMemory
import SystemPackage
import Virtio

/// The guest's way: connects, again and again until a host listens and takes it.
final class GuestMeeting: Meeting {
    /// One attempt that a host answered by letting us connect.
    private struct Greeting {
        let socket: MeetingSocket
        let offered: OfferedMemory
        let deadline: ContinuousClock.Instant
    }

    private let settings: SharedMemorySettings
    private let crossing: CrossingCounters
    private let poller: Poller
    private var greeting: Greeting?
    private var nextAttempt: ContinuousClock.Instant? = .now
    private var retry: Duration
    /// Said once, not at every attempt.
    private var lastNote = ""

    init(_ settings: SharedMemorySettings, crossing: CrossingCounters) throws(LinkError) {
        self.settings = settings
        self.crossing = crossing
        retry = settings.firstRetry
        do throws(Errno) {
            poller = try Poller()
        } catch { throw .system(error, during: "looking for a host at \(settings.socketPath)") }
    }

    var pollDescriptor: CInt { poller.rawDescriptor }
    var nextDeadline: ContinuousClock.Instant? { greeting?.deadline ?? nextAttempt }

    func peerLeft() {
        retry = settings.firstRetry
        nextAttempt = .now
        lastNote = ""
    }

    func close() {
        if let greeting { leave(greeting) }
        nextAttempt = nil
    }

    func service(isBusy: Bool) throws(LinkError) -> MeetingProgress {
        var progress = MeetingProgress()
        guard !isBusy else { return progress }
        do throws(MeetingRefusal) {
            if greeting == nil, let nextAttempt, nextAttempt <= .now { try connect() }
            if let greeting { progress.met = try answer(greeting) }
            if let met = progress.met { progress.notes.append("met \(met.socket.peerName)") }
        } catch { fail(error, &progress) }
        return progress
    }

    private func connect() throws(MeetingRefusal) {
        do throws(Errno) {
            let socket = MeetingSocket(
                try UnixSocket.connected(.sequencedPackets, to: settings.socketPath))
            let offered = try OfferedMemory(settings)
            try poller.add(socket.rawDescriptor, [.readable, .peerClosed], token: 0)
            greeting = Greeting(socket: socket, offered: offered, deadline: .now + settings.meetingLimit)
        } catch { throw MeetingRefusal("\(error)") }
        guard let greeting else { return }
        let hello = MeetingHello(
            windowByteCounts: [settings.windowByteCount], doorbellCount: settings.doorbellCount)
        try greeting.socket.send(
            hello.encoded(),
            descriptors: greeting.offered.windowDescriptors + greeting.offered.doorbellDescriptors)
    }

    /// Takes the host's WELCOME, if it has come, and says READY.
    private func answer(_ greeting: Greeting) throws(MeetingRefusal) -> MetPeer? {
        guard var packet = try greeting.socket.receive() else {
            guard greeting.deadline > .now else {
                throw MeetingRefusal("it said nothing for \(settings.meetingLimit)")
            }
            return nil
        }
        let welcome = try MeetingWelcome(
            untrusted: packet.bytes, descriptorCount: packet.descriptors.count,
            offered: [settings.windowByteCount])
        let peer = try met(welcome, &packet.descriptors, greeting)
        try greeting.socket.send(MeetingReady(meetingID: welcome.meetingID).encoded())
        leave(greeting)
        nextAttempt = nil
        return peer
    }

    private func met(
        _ welcome: MeetingWelcome, _ descriptors: inout ReceivedDescriptors, _ greeting: Greeting
    ) throws(MeetingRefusal) -> MetPeer {
        var host: [AddressSpace.Placement] = []
        for (index, range) in welcome.hostWindows.enumerated() {
            let window = try descriptors.takeWindow(index, byteCount: try range.checkedByteCount())
            host.append(AddressSpace.Placement(base: try range.checkedBase(), window: window))
        }
        let memory = try descriptors.takeWindow(host.count, byteCount: LinkHeader.byteCount)
        let header = LinkHeader(memory, seenBy: .guest)
        try header.check(against: welcome)
        let doorbells = try descriptors.takeDoorbells(welcome.doorbellCount)
        var guest: [AddressSpace.Placement] = []
        for range in welcome.guestWindows {
            guest.append(
                AddressSpace.Placement(base: try range.checkedBase(), window: greeting.offered.window))
        }
        do throws(PeerViolation) {
            let windows = try MetWindows(
                seenBy: .guest, host: host, guest: guest, devicePageAddress: welcome.devicePageAddress,
                crossing: crossing)
            return MetPeer(
                socket: greeting.socket, windows: windows, header: header,
                ownDoorbells: greeting.offered.doorbells, peerDoorbells: doorbells)
        } catch { throw MeetingRefusal(error) }
    }

    private func fail(_ refusal: MeetingRefusal, _ progress: inout MeetingProgress) {
        if let greeting { leave(greeting) }
        let note = "no host at \(settings.socketPath): \(refusal.reason)"
        if note != lastNote { progress.notes.append(note) }
        lastNote = note
        nextAttempt = .now + retry
        retry = min(retry * 2, settings.longestRetry)
    }

    private func leave(_ greeting: Greeting) {
        self.greeting = nil
        do throws(Errno) { try poller.remove(greeting.socket.rawDescriptor) } catch { return }
    }
}
