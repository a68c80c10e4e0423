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
    /// The meeting that may be taken up again.
    private var earlier: ResumableMeeting?
    private var nextAttempt: ContinuousClock.Instant? = .now
    private var retry: Duration
    /// Said once, not at every attempt.
    private var lastNote = ""

    init(
        _ settings: SharedMemorySettings, crossing: CrossingCounters, earlier: ResumableMeeting?
    ) throws(LinkError) {
        self.settings = settings
        self.earlier = earlier
        self.crossing = crossing
        retry = settings.firstRetry
        do throws(Errno) {
            poller = try Poller()
        } catch { throw .system(error, during: "looking for a host at \(settings.socketPath)") }
    }

    var pollDescriptor: CInt { poller.rawDescriptor }
    var nextDeadline: ContinuousClock.Instant? { greeting?.deadline ?? nextAttempt }

    func peerLeft(_ earlier: ResumableMeeting?) {
        self.earlier = earlier
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
                try Socket.connected(.sequencedPackets, to: settings.socketPath))
            // What lies in the windows was written for one user's host: another's gets none of it.
            if earlier?.isHeld == true, earlier?.peerUser != socket.peerUser { earlier = nil }
            let offered = try OfferedMemory(settings, windows: earlier?.own ?? [])
            try poller.add(socket.rawDescriptor, [.readable, .peerClosed], token: 0)
            greeting = Greeting(socket: socket, offered: offered, deadline: .now + settings.meetingLimit)
        } catch { throw MeetingRefusal("\(error)") }
        guard let greeting else { return }
        let hello =
            earlier.map { MeetingHello(resuming: $0, doorbellCount: settings.doorbellCount) }
            ?? MeetingHello(
                windowByteCounts: [settings.windowByteCount], doorbellCount: settings.doorbellCount)
        let returned = earlier?.peer.map(\.rawDescriptor) ?? []
        try greeting.socket.send(
            hello.encoded(),
            descriptors: greeting.offered.windowDescriptors + returned + greeting.offered.doorbellDescriptors)
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
            offered: [settings.windowByteCount], mayResume: earlier != nil)
        let peer = try met(welcome, &packet.descriptors, greeting)
        try greeting.socket.send(MeetingReady(meetingID: welcome.meetingID).encoded())
        leave(greeting)
        nextAttempt = nil
        earlier = nil
        return peer
    }

    private func met(
        _ welcome: MeetingWelcome, _ descriptors: inout ReceivedDescriptors, _ greeting: Greeting
    ) throws(MeetingRefusal) -> MetPeer {
        var host: [SealedWindow] = []
        for (index, range) in welcome.hostWindows.enumerated() {
            host.append(try descriptors.takeWindow(index, byteCount: try range.checkedByteCount()))
        }
        for range in welcome.hostWindows + welcome.guestWindows { _ = try range.checkedBase() }
        let returned = welcome.isResumed ? try descriptors.takeReturned(welcome.guestWindows) : nil
        let memory = try descriptors.takeWindow(host.count, byteCount: LinkHeader.byteCount)
        let header = LinkHeader(memory.window, seenBy: .guest)
        try header.check(against: welcome)
        let doorbells = try descriptors.takeDoorbells(welcome.doorbellCount)
        let meeting =
            if welcome.isResumed {
                try resumed(welcome, host, returned, greeting)
            } else {
                fresh(welcome, host, greeting)
            }
        do throws(PeerViolation) {
            let windows = try MetWindows(
                seenBy: .guest, host: ResumableMeeting.placements(welcome.hostWindows, meeting.peer),
                guest: ResumableMeeting.placements(welcome.guestWindows, meeting.own),
                devicePageAddress: welcome.devicePageAddress, crossing: crossing)
            return MetPeer(
                socket: greeting.socket, meeting: meeting, isResumed: welcome.isResumed, windows: windows,
                header: header, ownDoorbells: greeting.offered.doorbells, peerDoorbells: doorbells)
        } catch { throw MeetingRefusal(error) }
    }

    private func fresh(
        _ welcome: MeetingWelcome, _ host: [SealedWindow], _ greeting: Greeting
    ) -> ResumableMeeting {
        let offered = greeting.offered
        return ResumableMeeting(
            record: MeetingRecord(
                .guest, welcome, doorbellCount: min(offered.doorbells.count, welcome.doorbellCount),
                ownIdentities: offered.windows.map(\.identity)),
            own: offered.windows, peer: host, peerUser: greeting.socket.peerUser)
    }

    /// The earlier meeting, with the windows of both: those we hold, else those the host hands over.
    ///
    /// - Throws: where anything differs from what we know ourselves: a host that says `resumed` then breaks a rule.
    private func resumed(
        _ welcome: MeetingWelcome, _ host: [SealedWindow], _ returned: [SealedWindow]?,
        _ greeting: Greeting
    ) throws(MeetingRefusal) -> ResumableMeeting {
        guard let earlier, let returned, welcome.meetingID == earlier.record.meetingID,
            welcome.devicePageAddress == earlier.record.devicePageAddress,
            welcome.hostWindows == earlier.record.hostWindows,
            welcome.guestWindows == earlier.record.guestWindows,
            min(settings.doorbellCount, welcome.doorbellCount) == earlier.record.doorbellCount
        else { throw MeetingRefusal(.window, "a resumed meeting that is not the one before") }
        guard earlier.recognises(returned) else {
            throw MeetingRefusal(.window, "windows handed back that are not ours")
        }
        guard earlier.isHeld else {
            return ResumableMeeting(
                record: earlier.record, own: returned, peer: host, peerUser: greeting.socket.peerUser)
        }
        guard host.map(\.identity) == earlier.peer.map(\.identity) else {
            throw MeetingRefusal(.window, "other host windows than before in a resumed meeting")
        }
        return earlier
    }

    private func fail(_ refusal: MeetingRefusal, _ progress: inout MeetingProgress) {
        if let greeting { leave(greeting) }
        // Whoever refuses the windows, or answers with wrong ones, is met afresh the next time.
        if refusal.status == .window { earlier = nil }
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
