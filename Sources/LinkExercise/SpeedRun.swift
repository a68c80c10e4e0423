import ControlTree
import Links
import LinuxSystem
import SharedMemory
import Synchronization
import SystemPackage

/// How fast this side writes to, or reads from, what the other side has set aside: one piece after the other, by so many threads,
/// each in a part of its own, for so long.
struct SpeedRun: ExerciseRun {
    private let job: SpeedJob
    private var threads: [Thread] = []
    private let threadCount: Int
    private(set) var deadline: ContinuousClock.Instant?

    private static let lookPeriod = Duration.milliseconds(2)

    init(_ order: ExerciseOrder, _ near: NearSide) throws(Refusal) {
        try order.require(only: "direction", "in", "bytes", "threads", "time_ms")
        let isWriting = try order.word("direction", among: ["write", "read"]) == "write"
        let isFar = try order.word("in", among: ["near", "far"], standard: "far") == "far"
        guard let area = isFar ? near.areas.far : near.areas.near else {
            throw Refusal(.invalidArgument, "nothing is set aside for tests; write reserve first")
        }
        threadCount = Int(try order.number("threads", in: 1...32, standard: 1))
        // A cache line's border between two threads' parts.
        let part = area.byteCount / UInt64(threadCount) & ~63
        guard part > 0 else {
            throw Refusal(.outOfRange, "\(area.byteCount) bytes are too few for \(threadCount) threads")
        }
        let byteCount = Int(try order.number("bytes", in: 1...part))
        let time = Duration.milliseconds(Int64(try order.number("time_ms", in: 1...2000, standard: 250)))
        do throws(PeerViolation) {
            let window = try near.link.addressSpace.window(covering: area).counted(by: nil)
            job = SpeedJob(
                parts: (0..<threadCount).map { window.part(at: $0 * Int(part), byteCount: Int(part)) },
                isWriting: isWriting, byteCount: byteCount, time: time)
        } catch { throw Refusal(.ioError, "what was set aside is gone: \(error); reserve anew") }
    }

    mutating func advance(_ near: inout NearSide) -> ExerciseOutcome? {
        if threads.isEmpty {
            do throws(Errno) {
                for index in 0..<threadCount {
                    threads.append(try Thread("link-speed") { [job] in job.run(index) })
                }
            } catch {
                cancel()
                return .refused(Refusal(error, "no thread could be started: \(error); ask for fewer"))
            }
        }
        guard job.finishedCount == threadCount else {
            deadline = .now + Self.lookPeriod
            return nil
        }
        for thread in threads { thread.join() }
        return .report(
            job.results.sorted { $0.index < $1.index }
                .map { "thread \($0.index) \($0.byteCount) \($0.nanoseconds)\n" }.joined())
    }

    func cancel() {
        job.cancel()
        for thread in threads { thread.join() }
    }
}

/// What the threads share.
final class SpeedJob: Sendable {
    struct Result: Sendable {
        let index: Int
        let byteCount: UInt64
        let nanoseconds: UInt64
    }

    private let parts: [MemoryWindow]
    private let isWriting: Bool
    private let byteCount: Int
    private let time: Duration
    private let isCancelled = Atomic(false)
    private let finished = Mutex<[Result]>([])

    init(parts: [MemoryWindow], isWriting: Bool, byteCount: Int, time: Duration) {
        self.parts = parts
        self.isWriting = isWriting
        self.byteCount = byteCount
        self.time = time
    }

    var finishedCount: Int { finished.withLock { $0.count } }
    /// Once all have finished: a list that others still add to would be copied by them, behind this one's back.
    var results: [Result] { finished.withLock { $0 } }

    // ORDER: relaxed; nothing but the flag itself is told by it.
    func cancel() { isCancelled.store(true, ordering: .relaxed) }

    func run(_ index: Int) {
        let part = parts[index]
        var bytes = TestPattern(seed: UInt64(index)).bytes(from: 0, byteCount: byteCount)
        let begin = ContinuousClock.now
        let end = begin + time
        var done: UInt64 = 0
        var offset = 0
        // The clock is looked at after this many pieces: it costs as much as a small one.
        let burst = max(1, 16384 / byteCount)
        while !isCancelled.load(ordering: .relaxed), .now < end {
            for _ in 0..<burst {
                if offset + byteCount > part.byteCount { offset = 0 }
                if isWriting {
                    part.write(bytes, at: offset)
                } else {
                    var span = bytes.mutableSpan
                    part.copy(from: offset, byteCount: byteCount, into: &span, at: 0)
                }
                offset += byteCount
                done += UInt64(byteCount)
            }
        }
        let result = Result(index: index, byteCount: done, nanoseconds: (.now - begin).nanoseconds)
        finished.withLock { $0.append(result) }
    }
}
