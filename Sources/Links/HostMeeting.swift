import LinuxSystem
import SharedMemory
import SystemPackage
import Virtio

/// The host's way: listens, and hears anybody who comes while no guest is here. A peer that says nothing holds nobody
/// up; the first that says the right words is the guest.
final class HostMeeting: Meeting {
    private static let listenerToken: UInt64 = 0
    /// So many may be half-way through their words; one more drops the oldest.
    private static let candidateLimit = 8
    /// How long nobody is accepted after that failed for want of descriptors or memory.
    private static let pause = Duration.seconds(1)

    private let settings: SharedMemorySettings
    private let crossing: CrossingCounters
    private let listener: Socket
    private let poller: Poller
    private var candidates: [HostCandidate] = []
    private var nextToken: UInt64 = 1
    private var nextMeetingID = UInt64.random(in: 1...1 << 62)
    /// The meeting that may be taken up again.
    private var earlier: ResumableMeeting?
    private var pausedUntil: ContinuousClock.Instant?

    /// - Throws: `.system` when the socket cannot be listened on: `EADDRINUSE` where another host does.
    init(
        _ settings: SharedMemorySettings, crossing: CrossingCounters, earlier: ResumableMeeting?
    ) throws(LinkError) {
        self.settings = settings
        self.earlier = earlier
        self.crossing = crossing
        do throws(Errno) {
            poller = try Poller()
            listener = try Socket.listening(
                .sequencedPackets, at: settings.socketPath, mode: settings.socketMode)
            try poller.add(listener.rawDescriptor, .readable, token: Self.listenerToken)
        } catch { throw .system(error, during: "listening on \(settings.socketPath)") }
    }

    var pollDescriptor: CInt { poller.rawDescriptor }

    /// Asked at every turn of a loop, so it allocates nothing.
    var nextDeadline: ContinuousClock.Instant? {
        var next = pausedUntil
        for candidate in candidates { next = earliest(next, candidate.deadline) }
        return next
    }

    func peerLeft(_ earlier: ResumableMeeting?) { self.earlier = earlier }

    func close() {
        candidates = []
        Socket.remove(at: settings.socketPath)
    }

    func service(isBusy: Bool) throws(LinkError) -> MeetingProgress {
        var progress = MeetingProgress()
        do throws(Errno) {
            try resumeListening()
            for event in try poller.wait(for: .zero) {
                if event.token == Self.listenerToken {
                    try acceptAll(&progress)
                } else {
                    hear(event.token, isBusy: isBusy || progress.met != nil, &progress)
                }
            }
        } catch { throw .system(error, during: "meeting on \(settings.socketPath)") }
        dropLate(&progress)
        return progress
    }

    // MARK: Those who come

    private func acceptAll(_ progress: inout MeetingProgress) throws(Errno) {
        do throws(Errno) {
            while let socket = try listener.accept() {
                if candidates.count == Self.candidateLimit {
                    drop(candidates[0], "too many came at once", &progress)
                }
                try poller.add(socket.rawDescriptor, [.readable, .peerClosed], token: nextToken)
                candidates.append(
                    HostCandidate(socket, token: nextToken, deadline: .now + settings.meetingLimit))
                nextToken += 1
            }
        } catch {
            progress.notes.append("cannot accept on \(settings.socketPath): \(error)")
            try poller.remove(listener.rawDescriptor)
            pausedUntil = .now + Self.pause
        }
    }

    private func resumeListening() throws(Errno) {
        guard let until = pausedUntil, until <= .now else { return }
        pausedUntil = nil
        try poller.add(listener.rawDescriptor, .readable, token: Self.listenerToken)
    }

    private func hear(_ token: UInt64, isBusy: Bool, _ progress: inout MeetingProgress) {
        guard let candidate = candidates.first(where: { $0.token == token }) else { return }
        let isTaken = isBusy || candidates.contains { $0 !== candidate && $0.isWelcomed }
        do throws(MeetingRefusal) {
            if let met = try candidate.hear(for: self, isTaken: isTaken) {
                leave(candidate)
                earlier = nil
                progress.met = met
                progress.notes.append("met \(candidate.name)")
            }
        } catch {
            candidate.refuse(error)
            drop(candidate, error.reason, &progress)
        }
    }

    private func dropLate(_ progress: inout MeetingProgress) {
        for candidate in candidates where candidate.deadline <= .now {
            drop(candidate, "it said nothing for \(settings.meetingLimit)", &progress)
        }
    }

    private func drop(_ candidate: HostCandidate, _ reason: String, _ progress: inout MeetingProgress) {
        progress.notes.append("refused \(candidate.name): \(reason)")
        leave(candidate)
    }

    private func leave(_ candidate: HostCandidate) {
        candidates.removeAll { $0 === candidate }
        // Before it is closed, and before the link watches the one that was met.
        do throws(Errno) { try poller.remove(candidate.rawDescriptor) } catch { return }
    }

    // MARK: What they are given

    /// Lays out windows and header for a guest whose HELLO was right.
    ///
    /// - Parameters:
    ///   - returned: our own windows, as the guest says.
    ///   - user: whose process the guest is.
    func welcome(
        _ hello: MeetingHello, _ guestWindows: [SealedWindow], returned: [SealedWindow], user: UInt32?
    ) throws(MeetingRefusal) -> HostWelcome {
        if let meeting = resumable(hello, guestWindows, returned, user) {
            return try HostWelcome(resuming: meeting, hello: hello, settings: settings, crossing: crossing)
        }
        let meetingID = nextMeetingID
        nextMeetingID += 1
        return try HostWelcome(
            meetingID: meetingID, hello: hello, guestWindows: guestWindows, peerUser: user,
            settings: settings,
            crossing: crossing)
    }

    /// The meeting that goes on with this guest, with the windows of both: those we hold, else those it hands over.
    /// `nil` where anything differs from what we know ourselves: then the meeting is a fresh one.
    private func resumable(
        _ hello: MeetingHello, _ guestWindows: [SealedWindow], _ returned: [SealedWindow], _ user: UInt32?
    ) -> ResumableMeeting? {
        guard let asked = hello.earlier, let earlier, asked.meetingID == earlier.record.meetingID,
            asked.devicePageAddress == earlier.record.devicePageAddress,
            hello.windows == earlier.record.guestWindows,
            min(hello.doorbellCount, settings.doorbellCount) == earlier.record.doorbellCount
        else { return nil }
        if earlier.isHeld { return earlier.peerUser == user ? earlier : nil }
        guard asked.returned == earlier.record.hostWindows, earlier.recognises(returned) else { return nil }
        return ResumableMeeting(record: earlier.record, own: returned, peer: guestWindows, peerUser: user)
    }

    var replyDeadline: ContinuousClock.Instant { .now + settings.meetingLimit }
}
