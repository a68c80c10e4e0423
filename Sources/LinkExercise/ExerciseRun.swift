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
    /// The meeting is over: what works on its memory besides has let go of it when this returns.
    func cancel()
}

extension ExerciseRun {
    func cancel() {}
}

/// What an order works with.
struct NearSide {
    let link: any Link
    let lines: TestLines
    var asker = TestAsker()
    var areas = TestAreas()
    /// Which of our doorbells have rung since somebody asked.
    var came = DoorbellSet()

    /// A request was given up whose answer may still come: until the next answer the peer may be writing to what was set
    /// aside here.
    private var isForsaken = false
    /// Given back as soon as that is over.
    private var withheld: [PeerRange] = []

    init(link: any Link, lines: TestLines) {
        self.link = link
        self.lines = lines
    }

    /// The answer to the open request, which then is closed; `nil` as long as there is none.
    mutating func takeAnswer() -> TestAnswer? {
        guard let answer = asker.answer(in: lines) else { return nil }
        asker.close()
        // Requests are carried out one after the other.
        isForsaken = false
        for range in withheld { link.free(range) }
        withheld = []
        return answer
    }

    /// Waits for the open request no more.
    mutating func giveUp() {
        asker.close()
        isForsaken = true
    }

    /// Gives back what is ours; the peer's is forgotten.
    mutating func releaseNear() {
        if let range = areas.near {
            if isForsaken { withheld.append(range) } else { link.free(range) }
        }
        areas = TestAreas()
    }

    /// Nobody has ordered anything for long: both sides get theirs back. What the other answers is not waited for.
    mutating func releaseBoth() {
        releaseNear()
        ask(.release)
        asker.close()
    }

    /// The meeting is over.
    mutating func end() {
        releaseNear()
        for range in withheld { link.free(range) }
    }

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
