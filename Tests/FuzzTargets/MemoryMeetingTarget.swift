import Links
import LinuxSystem
import SharedMemory
import Virtio

extension FuzzTarget {
    /// A peer that maps the memory of an `ivshmem` link, and writes anything to its first page at any time.
    ///
    /// Input: which side is tried, then steps: what is done, and what it is done with.
    static let memoryMeeting = FuzzTarget(name: "memory-meeting") { bytes in
        var input = FuzzInput(bytes)
        let side: Side = input.byte() & 1 == 0 ? .host : .guest
        let port = ScribbledPort()
        guard let link = try? IvshmemLink(side, over: port, ScribbledPort.settings) else {
            fatalError("no link to try")
        }
        try? link.start()
        _ = try? link.service()
        var count = 0
        while !input.isEmpty, count < 64 {
            port.step(&input, against: side)
            _ = try? link.service()
            _ = try? link.service()
            use(link)
            count += 1
        }
        link.stop()
        require(link.state == .down, "a link that was stopped is down")
    }

    /// What a link that is up gives its users stays inside the memory, behind the header's page.
    private static func use(_ link: IvshmemLink) {
        guard link.state == .up else {
            return require(link.addressSpace.placements.isEmpty, "no windows without a peer")
        }
        var total = 0
        for placement in link.addressSpace.placements {
            total += placement.window.byteCount
            placement.window.store8(0x55, at: 0)
            placement.window.store8(0x55, at: placement.window.byteCount - 1)
        }
        require(total <= ScribbledPort.byteCount - 4096, "windows lie behind the header, and overlap nowhere")
        require((1...32).contains(link.doorbellCount), "as many doorbells as a link may have")
        if let range = try? link.allocate(byteCount: 4096, alignment: 4096) { link.free(range) }
        link.ring(link.allocateDoorbell())
        link.notify(link.allocateDoorbell())
    }
}

/// A memory of this process alone, which the input writes to as a peer would.
private final class ScribbledPort: SharedMemoryPort, @unchecked Sendable {
    static let byteCount = 1 << 20
    static let settings = IvshmemSettings(firstRetry: .zero, longestRetry: .zero, quietLimit: .zero)
    private static let vectors = (try? [EventCounter(), EventCounter()]) ?? []
    private static let hostLine = 512
    private static let guestLine = 576

    let place = "the input"
    private let wake: EventCounter
    var pollDescriptor: CInt { wake.rawDescriptor }
    private let memory = MemoryWindow.heap(byteCount: byteCount)
    private(set) var attachment: SharedMemoryAttachment?
    private var news = SharedMemoryPortEvents()
    var nextDeadline: ContinuousClock.Instant? { .now }

    init() {
        guard let wake = try? EventCounter() else { fatalError("no descriptor to try with") }
        self.wake = wake
    }

    func open() { attach() }
    func close() { attachment = nil }
    func ring(_ vector: Int, of peer: PeerNumber) {}
    func service() -> SharedMemoryPortEvents {
        defer { news = SharedMemoryPortEvents() }
        return news
    }

    private func attach() {
        guard attachment == nil else { return }
        attachment = SharedMemoryAttachment(
            memory: memory, ownNumber: PeerNumber(rawValue: 0), vectors: Self.vectors)
        news.change = .attached
    }

    func step(_ input: inout FuzzInput, against side: Side) {
        let (own, theirs) =
            side == .host ? (Self.hostLine, Self.guestLine) : (Self.guestLine, Self.hostLine)
        switch input.byte() & 7 {
        case 0: memory.store64(memory.load64(at: own), at: theirs + 8)
        case 1: present(UInt64(input.number16()), at: theirs)
        case 2:
            news.change = .lost("the input says so")
            attachment = nil
        case 3: attach()
        case 4: news.left = [PeerNumber(rawValue: input.number16())]
        case 5: memory.store64(UInt64(input.byte()), at: Int(input.number16() & 511) * 8)
        default:
            let offset = Int(input.number16() & 0xFFF)
            memory.write(Array(input.block().prefix(4096 - offset)), at: offset)
        }
    }

    /// As a side of ours would.
    private func present(_ number: UInt64, at line: Int) {
        memory.store64(number, at: line)
        memory.store32(0x4C50_4F56, at: line + 16)
        memory.store32(1, at: line + 20)
        memory.store32(3, at: line + 24)
        memory.store32(2, at: line + 28)
    }
}
