import ControlTree
import Links
import SharedMemory
import SystemPackage

/// An order being carried out, on the link's own thread: nothing of it blocks.
protocol ExerciseRun {
    /// Called once, and then whenever the link was looked at or `deadline` has come.
    ///
    /// - Returns: how it ended, `nil` while it has not.
    mutating func advance(_ near: inout NearSide) -> ExerciseOutcome?
    /// When to call it even if nothing happens on the link.
    var deadline: ContinuousClock.Instant? { get }
}

/// What an order works with.
struct NearSide {
    let link: any Link
    let lines: TestLines
    var asker = TestAsker()
    var areas = TestAreas()

    /// How long the peer may take to answer.
    static let answerLimit = Duration.seconds(2)

    mutating func ask(
        _ operation: TestOperation, source: UInt64 = 0, target: UInt64 = 0, byteCount: UInt64 = 0,
        seed: UInt64 = 0, ringing doorbell: DoorbellNumber = .meeting,
        answeredBy answer: DoorbellNumber = .meeting, within limit: Duration = NearSide.answerLimit
    ) {
        asker.ask(
            TestRequest(
                number: 0, meetingID: 0, operation: operation.rawValue,
                answerDoorbell: UInt32(answer.rawValue), source: source, target: target,
                byteCount: byteCount, seed: seed), ringing: doorbell, within: limit, link, lines)
    }

    /// Why nobody answers.
    var silence: Refusal {
        lines.isAnswering
            ? Refusal(
                .timedOut,
                "the other side has not answered; is its daemon stopped, or does its doorbell 0 not arrive?")
            : Refusal(
                .notSupported, "the other side answers no tests: its daemon is older than this one")
    }
}

/// What is set aside for tests on both sides.
struct TestAreas {
    /// Ours, in our own windows.
    var near: PeerRange?
    /// The peer's, in its windows: checked.
    var far: PeerRange?
}

extension DoorbellNumber {
    /// The one that rings for the meeting as well.
    static let meeting: DoorbellNumber = {
        guard let number = DoorbellNumber(rawValue: 0) else { preconditionFailure("there is a doorbell 0") }
        return number
    }()
}

extension DoorbellSet {
    var containsZero: Bool { contains(.meeting) }
}
