import ControlTree
import Links
import SharedMemory
import SystemPackage

/// Filling, summing or copying of what was set aside, by this side or by the other; the report has the CRC of what whoever did
/// it wrote or read, and how long it took, seen from here.
enum MemoryRun {
    static func make(
        _ order: ExerciseOrder, _ operation: TestOperation, _ near: NearSide
    ) throws(Refusal) -> any ExerciseRun {
        switch operation {
        case .fill: try order.require(only: "by", "in", "offset", "bytes", "seed")
        case .copy: try order.require(only: "by", "from", "offset", "to", "to_offset", "bytes")
        default: try order.require(only: "by", "in", "offset", "bytes")
        }
        let isFar = try order.word("by", among: ["near", "far"]) == "far"
        let byteCount = try order.number("bytes", in: TestAnswerer.byteCounts)
        let first = try range(order, operation == .copy ? "from" : "in", "offset", byteCount, near.areas)
        let second =
            operation == .copy ? try range(order, "to", "to_offset", byteCount, near.areas) : first
        let seed = operation == .fill ? try order.number("seed", in: 0 ... .max) : 0
        if isFar {
            return RequestRun { near in
                near.ask(
                    operation, source: first.address, target: second.address, byteCount: byteCount,
                    seed: seed,
                    within: .seconds(10))
            } take: { answer, near in
                .report(report(answer.crc, near.asker.elapsedNanoseconds))
            }
        }
        do throws(PeerViolation) {
            let source = try near.link.addressSpace.window(covering: first)
            let target = try near.link.addressSpace.window(covering: second)
            let work: TestWork =
                switch operation {
                case .fill: .fill(target, seed: seed)
                case .copy: .copy(source, to: target)
                default: .checksum(of: source)
                }
            return NearMemoryRun(work)
        } catch { throw Refusal(.ioError, "what was set aside is gone: \(error); reserve anew") }
    }

    static func report(_ crc: UInt32, _ time: UInt64) -> String {
        "crc 0x\(String(crc, radix: 16))\nelapsed_ns \(time)\n"
    }

    private static func range(
        _ order: ExerciseOrder, _ name: String, _ offsetName: String, _ byteCount: UInt64, _ areas: TestAreas
    ) throws(Refusal) -> PeerRange {
        let isFar = try order.word(name, among: ["near", "far"]) == "far"
        guard let area = isFar ? areas.far : areas.near else {
            throw Refusal(.invalidArgument, "nothing is set aside for tests; write reserve first")
        }
        guard byteCount <= area.byteCount else {
            throw Refusal(
                .outOfRange, "\(byteCount) bytes of the \(area.byteCount) that are set aside; reserve more")
        }
        let offset = try order.number(offsetName, in: 0...area.byteCount - byteCount, standard: 0)
        do throws(PeerViolation) {
            return try PeerRange(untrustedAddress: area.address + offset, byteCount: byteCount)
        } catch { throw Refusal(.outOfRange, "\(error)") }
    }
}

/// What this side does itself.
struct NearMemoryRun: ExerciseRun {
    private var work: TestWork
    private let begin = ContinuousClock.now

    init(_ work: TestWork) { self.work = work }

    /// There is always more to do.
    var deadline: ContinuousClock.Instant? { begin }

    mutating func advance(_ near: inout NearSide) -> ExerciseOutcome? {
        work.step()
        return work.isDone ? .report(MemoryRun.report(work.crc, (.now - begin).nanoseconds)) : nil
    }
}

extension TestAsker {
    /// Since the last request was posted.
    var elapsedNanoseconds: UInt64 { (.now - askedAt).nanoseconds }
}

extension Duration {
    /// At most 500 years, none below zero.
    var nanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        return UInt64(max(0, seconds)) &* 1_000_000_000 &+ UInt64(max(0, attoseconds) / 1_000_000_000)
    }
}
