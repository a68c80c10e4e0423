import Links
import SharedMemory
import Virtio

/// Does what the peer asks for its tests: the far half of each. The peer is not trusted: memory that a request names is used
/// only where it is what was set aside here for tests, or the peer's own.
struct TestAnswerer {
    /// What may be set aside, or worked on by one request.
    static let byteCounts: ClosedRange<UInt64> = 1...16 << 20
    /// After so long without a request only doorbell 0 is taken for one.
    static let attentionLimit = Duration.seconds(5)

    private let link: any Link
    private let lines: TestLines
    private var lastNumber: UInt64 = 0
    private var lastTime: ContinuousClock.Instant?
    private var rung: UInt32 = 0
    /// Set aside until the peer gives it back, or the meeting ends: a peer that was stopped may write to it still.
    private var area: PeerRange?
    private var current: (request: TestRequest, work: TestWork)?
    /// How many requests there were.
    private(set) var requestCount: UInt64 = 0

    init(_ link: any Link, _ lines: TestLines) {
        self.link = link
        self.lines = lines
    }

    var deadline: ContinuousClock.Instant? { current == nil ? nil : .now }

    /// After the link was looked at.
    ///
    /// - Parameter mustLook: even if no doorbell rang.
    mutating func note(_ doorbells: DoorbellSet, mustLook: Bool) {
        let isAttentive = lastTime.map { .now - $0 < Self.attentionLimit } ?? false
        if !isAttentive { lastTime = nil }
        guard mustLook || doorbells.containsZero || isAttentive && !doorbells.isEmpty else { return }
        rung |= doorbells.firstWord
        guard current == nil, let request = lines.request(after: lastNumber) else { return }
        lastNumber = request.number
        // What an earlier meeting left in the same memory is no request of this one.
        guard request.meetingID == link.meetingID else { return }
        lastTime = .now
        requestCount += 1
        begin(request)
    }

    /// Goes on with what takes longer.
    mutating func advance() {
        if let (request, begun) = current {
            var work = begun
            work.step()
            current = (request, work)
            guard work.isDone else { return }
            current = nil
            answer(request, crc: work.crc)
        }
    }

    mutating func end() {
        current = nil
        release()
    }

    // MARK: Requests

    private mutating func begin(_ request: TestRequest) {
        switch TestOperation(rawValue: request.operation) {
        case .echo: answer(request)
        case .reserve: reserve(request)
        case .release:
            release()
            answer(request)
        case .fill:
            guard let target = memory(request.target, request) else { return answer(request, .range) }
            current = (request, .fill(target, seed: request.seed))
        case .checksum:
            guard let source = memory(request.source, request) else { return answer(request, .range) }
            current = (request, .checksum(of: source))
        case .copy:
            guard let source = memory(request.source, request), let target = memory(request.target, request)
            else { return answer(request, .range) }
            current = (request, .copy(source, to: target))
        case .use: tellUse(request)
        case nil: answer(request, .unknown)
        }
    }

    private mutating func reserve(_ request: TestRequest) {
        release()
        guard Self.byteCounts.contains(request.byteCount) else { return answer(request, .range) }
        do throws(LinkError) {
            let range = try link.allocate(byteCount: Int(request.byteCount), alignment: 4096)
            area = range
            answer(request, address: range.address, byteCount: range.byteCount)
        } catch { answer(request, .noMemory) }
    }

    private mutating func tellUse(_ request: TestRequest) {
        guard Self.byteCounts.contains(request.byteCount),
            let isUsed = link.uses(request.target, request.byteCount, besides: area)
        else { return answer(request, .range) }
        guard isUsed else { return answer(request) }
        answer(request, .inUse, address: request.target, byteCount: request.byteCount)
    }

    private mutating func release() {
        if let range = area.take() { link.free(range) }
    }

    /// What the peer may have read and written at its word.
    private func memory(_ address: UInt64, _ request: TestRequest) -> MemoryWindow? {
        guard Self.byteCounts.contains(request.byteCount) else { return nil }
        do throws(PeerViolation) {
            let range = try PeerRange(untrustedAddress: address, byteCount: request.byteCount)
            if let area, range.address >= area.address, range.end <= area.end {
                return try link.windows(of: link.side).window(covering: range)
            }
            return try link.windows(of: link.side.peer).window(covering: range)
        } catch { return nil }
    }

    private mutating func answer(
        _ request: TestRequest, _ status: TestStatus = .done, crc: UInt32 = 0, address: UInt64 = 0,
        byteCount: UInt64 = 0
    ) {
        lines.answer(
            TestAnswer(
                number: request.number, status: status.rawValue, crc: crc, address: address,
                byteCount: byteCount, doorbells: rung))
        rung = 0
        lastTime = .now
        let doorbell = Int(request.answerDoorbell)
        guard doorbell < link.doorbellCount, let number = DoorbellNumber(rawValue: doorbell) else { return }
        link.ring(number)
    }
}
