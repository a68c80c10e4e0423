import LinuxSystem
import SharedMemory
import Synchronization
public import SystemPackage
import Virtio

/// The place where the two ends of a loopback link meet: heap memory and doorbells inside one process. The ends may
/// be used on different threads.
public final class LoopbackMeeting: Sendable {
    private struct Presence {
        var host = false
        var guest = false
        var meetingNumber: UInt64 = 0
        var session: LoopbackSession?
    }

    let windowByteCount: Int
    let doorbellCount: Int
    private let presence = Mutex(Presence())
    private let hostWake: EventCounter
    private let guestWake: EventCounter
    private let hostWatched: WatchedSet
    private let guestWatched: WatchedSet

    /// - Precondition: sizes that `MeetingLimits` allows.
    /// - Throws: `EMFILE` and the like when there are no descriptors to wake the ends by.
    public init(
        windowByteCount: Int = 4 << 20, doorbellCount: Int = MeetingLimits.defaultDoorbellCount
    ) throws(Errno) {
        precondition(MeetingLimits.fault(windowByteCount: windowByteCount) == nil, "window size")
        precondition(MeetingLimits.fault(doorbellCount: doorbellCount) == nil, "doorbell count")
        self.windowByteCount = windowByteCount
        self.doorbellCount = doorbellCount
        hostWake = try EventCounter()
        guestWake = try EventCounter()
        hostWatched = try WatchedSet()
        guestWatched = try WatchedSet()
        try hostWatched.poller.add(hostWake.rawDescriptor, .readable, token: 0)
        try guestWatched.poller.add(guestWake.rawDescriptor, .readable, token: 0)
    }

    /// The meeting both ends are in, if they are.
    var session: LoopbackSession? { presence.withLock { $0.session } }

    func wake(of side: Side) -> EventCounter { side == .host ? hostWake : guestWake }

    func watched(by side: Side) -> WatchedSet { side == .host ? hostWatched : guestWatched }

    func join(_ side: Side) {
        presence.withLock { presence in
            if side == .host { presence.host = true } else { presence.guest = true }
            guard presence.host, presence.guest, presence.session == nil else { return }
            presence.session = LoopbackSession(
                number: presence.meetingNumber, windowByteCount: windowByteCount)
            presence.meetingNumber += 1
        }
        hostWake.signal()
        guestWake.signal()
    }

    func leave(_ side: Side) {
        presence.withLock { presence in
            if side == .host { presence.host = false } else { presence.guest = false }
            presence.session = nil
        }
        wake(of: side.peer).signal()
    }
}

/// One meeting of the two ends: fresh windows, and which doorbells have rung.
final class LoopbackSession: Sendable {
    let meetingID: UInt64
    let host: AddressSpace.Placement
    let guest: AddressSpace.Placement
    private let rungForHost = Mutex(DoorbellSet())
    private let rungForGuest = Mutex(DoorbellSet())

    init(number: UInt64, windowByteCount: Int) {
        meetingID = number + 1
        let bases = MeetingLimits.bases(ofMeeting: number)
        host = AddressSpace.Placement(base: bases.host, window: .heap(byteCount: windowByteCount))
        guest = AddressSpace.Placement(base: bases.guest, window: .heap(byteCount: windowByteCount))
    }

    func ring(_ number: DoorbellNumber, for side: Side) {
        if side == .host {
            rungForHost.withLock { $0.insert(number) }
        } else {
            rungForGuest.withLock { $0.insert(number) }
        }
    }

    func takeRung(for side: Side) -> DoorbellSet {
        side == .host
            ? rungForHost.withLock { Self.take(&$0) } : rungForGuest.withLock { Self.take(&$0) }
    }

    private static func take(_ set: inout DoorbellSet) -> DoorbellSet {
        defer { set = DoorbellSet() }
        return set
    }
}
