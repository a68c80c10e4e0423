import CFarMemory
import LinuxSystem
import SharedMemory
import Testing
import Virtio
import Virtqueue

/// What the counters of a link say, shown by the machine itself: each side's view of the other's window is made
/// unreadable, and whatever touches it faults.
///
/// ```
///            host's memory                       guest's memory
///   device   table, available ring: plain        used ring: every access faults, is counted, goes on
///   driver   table, available ring: faults       used ring: plain
/// ```
@Suite(.enabled(if: FarView.isPossible, "accesses are single-stepped by x86-64's trap flag"))
struct UnreadableWindowTests {
    @Test(
        "driver and device read nothing across the link, and write each thing once", arguments: [false, true])
    func ringsReadNothingAcross(usesEventIndex: Bool) throws {
        let size = try QueueSize(untrusted: 8)
        let host = try TwoViews(at: RingMemory.hostBase)
        let guest = try TwoViews(at: RingMemory.guestBase)
        func setup() throws -> QueueSetup {
            try QueueSetup(
                size: size, ringRegion: RingMemory.hostBase, usedRing: RingMemory.guestBase,
                negotiated: usesEventIndex ? [.eventIndex] : [])
        }
        var driver = try setup().activate(asDriverWithRingsIn: host.far, usedRingIn: guest.near)
        var device = try setup().activate(
            asDeviceWithRingsIn: host.near, usedRingIn: guest.far, buffersIn: guest.near)
        let (hostView, guestView) = (try FarView(host), try FarView(guest))
        let chainCount = 40
        try Self.exchange(chainCount, &driver, &device)
        let (toHost, toGuest) = (hostView.counts, guestView.counts)
        #expect(toHost.reads == 0)
        #expect(toGuest.reads == 0)
        // Of each chain two descriptors of two words, and a head; of each publishing the index; of each asking the flag or
        // the event.
        let asked = usesEventIndex ? 1 : 2
        #expect(toHost.writes == UInt64(chainCount * (4 + 1 + 1 + asked)))
        #expect(toGuest.writes == UInt64(chainCount * (2 + 1 + asked)))
        #expect(toHost.writes == hostView.counted)
        #expect(toGuest.writes == guestView.counted)
    }

    @Test("the proof sees a read where there is one, and an exchange")
    func seesReads() throws {
        let memory = try TwoViews(at: RingMemory.hostBase)
        let window = memory.far.placements[0].window
        let view = try FarView(memory)
        #expect(window.load32(at: 0) == 0)
        window.store32(7, at: 0)
        #expect(window.load32(at: 0) == 7)
        #expect(view.counts.reads == 2)
        #expect(view.counts.writes == 1)
        view.exchangeFirstWord()
        #expect(view.counts.reads == 3)
        #expect(view.counts.writes == 2)
    }

    /// Chains of a readable and a writable range, one after the other, both sides asking to be told and not to be.
    private static func exchange(
        _ count: Int, _ driver: inout DriverQueue, _ device: inout DeviceQueue
    ) throws {
        let readable = [try PeerRange(untrustedAddress: RingMemory.guestBase + 4096, byteCount: 16)]
        let writable = [try PeerRange(untrustedAddress: RingMemory.guestBase + 8192, byteCount: 16)]
        for token in 0..<count {
            device.disableNotifications()
            let isEmpty = !device.enableNotifications()
            #expect(isEmpty)
            let isSubmitted = driver.submit(
                readable: readable.span, writable: writable.span, token: UInt64(token))
            #expect(isSubmitted)
            let notifiesDevice = driver.publishAvailable()
            #expect(notifiesDevice)
            driver.disableNotifications()
            _ = driver.enableNotifications()
            while let chain = try device.takeChain() { device.complete(chain, written: 4) }
            let notifiesDriver = device.publishUsed()
            #expect(notifiesDriver)
            let completion = try driver.takeUsed()
            #expect(completion?.token == UInt64(token))
        }
    }
}

/// One memory, as its owner sees it and as the other side does.
private final class TwoViews {
    static let byteCount = 1 << 16
    let near: AddressSpace
    let far: AddressSpace
    let crossing = CrossingCounters()

    init(at base: UInt64) throws {
        let file = try MemoryFile(name: "two-views", byteCount: Self.byteCount)
        near = try unsafe AddressSpace([.init(base: base, window: MemoryWindow(file.map()))])
        far = try unsafe AddressSpace([
            .init(base: base, window: MemoryWindow(file.map(), crossing: crossing))
        ])
    }
}

/// The other side's view, unreadable as long as this lives.
@safe
private final class FarView {
    private let memory: TwoViews
    private let number: CInt
    private let start: UnsafeMutableRawPointer
    private let before: UInt64

    init(_ memory: TwoViews) throws {
        self.memory = memory
        let window = memory.far.placements[0].window
        // SAFETY: the mapping is whole pages, and `memory` keeps it; nothing but the guard uses the address.
        let place = unsafe window.lend(at: 0, byteCount: window.byteCount, crossesAs: nil) { $0.baseAddress }
        unsafe start = try #require(unsafe place)
        number = try checked(unsafe far_memory_guard(start, window.byteCount))
        before = memory.crossing[.writes]
    }

    deinit { far_memory_release(number) }

    var counts: far_memory_counts { far_memory_counts(number) }
    /// What the link's own counters say meanwhile.
    var counted: UInt64 { memory.crossing[.writes] - before }

    func exchangeFirstWord() { _ = unsafe far_memory_exchange(start) }

    /// Whether this machine can count so.
    static let isPossible: Bool = {
        do {
            let memory = try TwoViews(at: RingMemory.hostBase)
            _ = try FarView(memory)
            return true
        } catch { return false }
    }()
}
