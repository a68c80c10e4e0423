import ControlTree
import Glibc
import LinuxSystem
import SystemPackage

/// The data mount of one device: a `9p-mount` process, from being started until it has ended.
///
/// It is a process of its own because a FUSE mount dies with the process that serves it, and this daemon may restart.
///
/// ```
///   starting ──"mounted …"──► mounted ──ends──► ended
///       └──────── ends: its last line is why ──────┘
/// ```
final class DataMount {
    enum Step {
        case going
        case ended
    }

    /// How long it may take to mount, and to unmount when told to.
    private static let limit = Duration.seconds(30)

    let path: String
    private let process: SpawnedProcess
    private let output: OutputPipe
    private let report: (_ event: String, _ message: String) -> Void
    /// Who waits for it to be mounted.
    private var mounting: PendingChange?
    /// Who wait for it to be gone.
    private var unmounting: [PendingChange] = []
    private var isEnding = false
    private var deadline: ContinuousClock.Instant?
    private var text = ""

    /// Starts it; `change` is answered when it is mounted or has failed.
    ///
    /// - Parameter poller: watches what wakes `service()` from now on.
    init(
        _ socket: String, at path: String, _ poller: borrowing Poller, _ change: PendingChange,
        report: @escaping (_ event: String, _ message: String) -> Void
    ) throws(Errno) {
        self.path = path
        self.report = report
        let pipe = try OutputPipe()
        defer { pipe.closeWritingEnd() }
        output = pipe
        process = try SpawnedProcess(
            CompanionProgram.path("9p-mount"), ["--foreground", socket, path], output: pipe.writingEnd)
        mounting = change
        deadline = .now + Self.limit
        try poller.add(process.pollDescriptor, .readable, token: UInt64(process.pollDescriptor))
        try poller.add(output.pollDescriptor, .readable, token: UInt64(output.pollDescriptor))
    }

    var nextDeadline: ContinuousClock.Instant? { deadline }

    /// Does what can be done without blocking.
    func service() -> Step {
        // Asked before the last look at its output: what it said last is there then.
        let ending = process.ending()
        text = String((text + String(decoding: output.available(), as: UTF8.self)).suffix(4096))
        // A line of its own: refusals speak of what is mounted, too.
        if let waiting = mounting, text.split(separator: "\n").contains(where: { $0.hasPrefix("mounted ") }) {
            mounting = nil
            deadline = nil
            report("mounted", "at \(path)")
            waiting.succeed()
        }
        if let ending { return ended(ending) }
        if let deadline, deadline <= .now { giveUp() }
        return .going
    }

    /// Asks it to unmount; `change` is answered when it has ended.
    func unmount(_ change: PendingChange?) {
        if let change { unmounting.append(change) }
        guard !isEnding else { return }
        isEnding = true
        deadline = .now + Self.limit
        process.signal(SIGTERM)
    }

    private func giveUp() {
        deadline = .now + Self.limit
        report("mount-stuck", "9p-mount at \(path) did not answer within \(Self.limit); killing it")
        process.signal(SIGKILL)
    }

    private func ended(_ ending: SpawnedProcess.Ending) -> Step {
        let complaint = text.split(separator: "\n").last { !$0.hasPrefix("mounted ") }.map(String.init)
        if let mounting {
            let reason = complaint ?? "9p-mount ended: \(ending)"
            report("mount-failed", "at \(path): \(reason)")
            mounting.refuse(Refusal(.ioError, reason))
        } else {
            let reason = complaint ?? "somebody unmounted it"
            report("unmounted", isEnding ? "from \(path)" : "from \(path), not asked to: \(reason)")
        }
        for waiting in unmounting { waiting.succeed() }
        return .ended
    }
}
