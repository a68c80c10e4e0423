import ControlTree
import Links
import LinuxSystem
import Synchronization
import TestSupport
import Testing
import Virtio

@testable import LinkExercise

/// An exerciser on the host's side of an `shm` link, and on the guest's one as well, or whoever a test plays.
final class ExerciseBench {
    private let directory: TemporaryDirectory
    let near: SharedMemoryLink
    let far: SharedMemoryLink
    let desk: ExerciseDesk
    let exerciser: Exerciser
    private var farExerciser: Exerciser?

    init(isFarScripted: Bool) throws {
        directory = try TemporaryDirectory()
        let settings = SharedMemorySettings(
            socketPath: directory.file("link"), windowByteCount: 4 << 20, doorbellCount: 4,
            meetingLimit: .seconds(20), firstRetry: .milliseconds(1), longestRetry: .milliseconds(10))
        near = try SharedMemoryLink(.host, settings)
        far = try SharedMemoryLink(.guest, settings)
        desk = try ExerciseDesk()
        exerciser = try Exerciser(near, desk)
        if !isFarScripted { farExerciser = try Exerciser(far, try ExerciseDesk()) }
        try near.start()
        try far.start()
        try run { near.state == .up && far.state == .up }
    }

    /// The lines as the far side writes them.
    var farLines: TestLines { get throws { try #require(far.testLines) } }

    /// Serves both sides until something is so.
    ///
    /// - Parameter play: what the scripted far side does at each turn.
    func run(
        until isDone: () throws -> Bool, play: () throws -> Void = {}
    ) throws {
        let guardEnd = ContinuousClock.now + .seconds(60)
        while try !isDone() {
            try #require(.now < guardEnd, "nothing came of it")
            try near.wait(for: .milliseconds(1))
            _ = try near.service()
            exerciser.service()
            _ = try far.service()
            farExerciser?.service()
            try play()
        }
    }

    /// What the desk says of an order: its report, or the refusal.
    func order(_ text: String, play: () throws -> Void = {}) throws -> Result<ExerciseText, Refusal> {
        let answer = ExerciseAnswer()
        desk.submit(text, PendingChange(Requester(user: 0, group: 0, process: 0)) { answer.take($0) })
        try run(until: { answer.isThere }, play: play)
        if let refusal = answer.refusal { return .failure(refusal) }
        return .success(ExerciseText(text: desk.lastReport))
    }

    /// As a far side that answers each request once, with whatever `script` makes of it.
    func order(
        _ text: String, answering script: (TestRequest) -> TestAnswer?
    ) throws -> Result<ExerciseText, Refusal> {
        let lines = try farLines
        lines.begin()
        var last: UInt64 = 0
        return try order(text) {
            guard let request = lines.request(after: last) else { return }
            last = request.number
            guard let answer = script(request) else { return }
            lines.answer(answer)
            if let doorbell = DoorbellNumber(rawValue: Int(request.answerDoorbell)) { far.ring(doorbell) }
        }
    }

    /// What this side's answerer says to a request that the scripted far side asks.
    func ask(_ request: TestRequest) throws -> TestAnswer {
        let lines = try farLines
        var answer: TestAnswer?
        lines.ask(request)
        if let doorbell = DoorbellNumber(rawValue: 0) { far.ring(doorbell) }
        try run(until: {
            answer = lines.answer(to: request.number)
            return answer != nil
        })
        return try #require(answer)
    }
}

/// A report.
struct ExerciseText {
    let text: String

    func words(_ name: String) -> [String] {
        text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
            .first { $0.first == name }.map { Array($0.dropFirst()) } ?? []
    }

    func word(_ name: String) -> String { words(name).first ?? "" }
}

private final class ExerciseAnswer: Sendable {
    private let state = Mutex<Refusal??>(nil)
    var isThere: Bool { state.withLock { $0 != nil } }
    var refusal: Refusal? { state.withLock { $0 ?? nil } }
    func take(_ refusal: Refusal?) { state.withLock { $0 = .some(refusal) } }
}
