import ControlTree
import Links
import SystemPackage

/// Round trips by doorbell: we ring one of the peer's, it answers and rings one of ours.
struct PingRun: ExerciseRun {
    private enum Phase {
        case beginning
        /// Whether it answers at all, which is not measured.
        case calling
        case awaiting
        case pausing(until: ContinuousClock.Instant)
    }

    private let count: UInt64
    private let interval: Duration
    private let limit: Duration
    private let doorbell: DoorbellNumber
    private let answer: DoorbellNumber

    private var phase = Phase.beginning
    private(set) var deadline: ContinuousClock.Instant?
    private var times = LatencyHistogram()
    private var isLost = false
    /// Of the peer's doorbells those that it says have rung; of ours those that did.
    private var arrived: UInt32 = 0
    private var came: UInt32 = 0
    private var wasAnswered = false

    init(_ order: ExerciseOrder, doorbellCount: Int) throws(Refusal) {
        try order.require(only: "count", "interval_us", "limit_ms", "doorbell", "answer")
        count = try order.number("count", in: 1...100_000, standard: 10)
        interval = .microseconds(Int64(try order.number("interval_us", in: 0...1_000_000, standard: 0)))
        limit = .milliseconds(Int64(try order.number("limit_ms", in: 1...10_000, standard: 1000)))
        doorbell = try order.doorbell("doorbell", count: doorbellCount)
        answer = try order.doorbell("answer", count: doorbellCount)
    }

    mutating func advance(_ near: inout NearSide) -> ExerciseOutcome? {
        switch phase {
        case .beginning:
            near.ask(.echo)
            (phase, deadline) = (.calling, near.asker.deadline)
            return nil
        case .calling:
            if near.takeAnswer() != nil {
                ring(&near)
            } else if near.asker.isOverdue {
                near.giveUp()
                return .refused(near.silence)
            }
            return nil
        case .awaiting: return awaitAnswer(&near)
        case .pausing(let until):
            if until <= .now { ring(&near) }
            return nil
        }
    }

    private mutating func ring(_ near: inout NearSide) {
        near.ask(.echo, ringing: doorbell, answeredBy: answer, within: limit)
        (phase, deadline) = (.awaiting, near.asker.deadline)
        wasAnswered = false
    }

    private mutating func awaitAnswer(_ near: inout NearSide) -> ExerciseOutcome? {
        let answered = near.asker.answer(in: near.lines)
        if let answered, near.asker.rung.contains(answer) {
            take(answered, near.asker)
            times.add(near.asker.elapsedNanoseconds)
            _ = near.takeAnswer()
            if times.count == count { return .report(report) }
            guard interval > .zero else {
                ring(&near)
                return nil
            }
            let next = ContinuousClock.now + interval
            (phase, deadline) = (.pausing(until: next), next)
        } else if near.asker.isOverdue {
            if let answered { take(answered, near.asker) }
            wasAnswered = answered != nil
            isLost = true
            came |= near.asker.rung.firstWord
            near.giveUp()
            return .report(report)
        }
        return nil
    }

    private mutating func take(_ answered: TestAnswer, _ asker: TestAsker) {
        arrived |= answered.doorbells
        came |= asker.rung.firstWord
    }

    private var report: String {
        """
        rounds \(times.count)
        lost \(isLost ? 1 : 0)
        answered \(!isLost || wasAnswered ? 1 : 0)
        least_ns \(times.least ?? 0)
        sum_ns \(times.sum)
        most_ns \(times.most)
        arrived 0x\(String(arrived, radix: 16))
        came 0x\(String(came, radix: 16))

        """ + times.buckets.map { "bucket \($0.lowerBound) \($0.count)\n" }.joined()
    }
}
