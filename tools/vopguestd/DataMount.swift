import ControlTree
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
        case mounted
        /// What it says while it is mounted.
        case note(String)
        /// It did not do in time what it was to do, and is killed.
        case stuck(Duration)
        case ended(Ending)
    }

    enum Ending {
        /// We had it unmount.
        case asked
        /// Somebody unmounted it, or ended its process as one does.
        case byOthers
        /// It was never mounted: why.
        case failed(String)
        /// It ended by itself, or was killed: why.
        case lost(String)
    }

    /// How long it may take to mount, and to unmount when told to.
    private static let limit = Duration.seconds(30)

    /// Who serves it.
    private enum Server {
        case started(SpawnedProcess, OutputPipe)
        /// By a daemon before this one, with a record beside that socket.
        case adopted(WatchedProcess, socket: String)
    }

    private let server: Server
    /// Who waits for it to be mounted.
    private var mounting: PendingChange?
    private var isMounted = false
    /// Who wait for it to be gone.
    private var unmounting: [PendingChange] = []
    private var isEnding = false
    private var isStuck = false
    private var deadline: ContinuousClock.Instant?
    /// What it wrote that is no whole line yet, and its last line.
    private var text = ""
    private var lastLine: String?

    /// Starts it; `change` is answered when it is mounted or has failed.
    ///
    /// - Parameter poller: watches what wakes `service()` from now on.
    init(
        _ socket: String, at path: String, _ limits: MountLimits, _ poller: borrowing Poller,
        _ change: PendingChange?
    ) throws(Errno) {
        let output = try OutputPipe()
        defer { output.closeWritingEnd() }
        let process = try SpawnedProcess(
            CompanionProgram.path("9p-mount"),
            ["--foreground", "--say-errno", "--record", MountRecord.file(socket)] + limits.arguments
                + [socket, path],
            output: output.writingEnd, isDetached: true)
        server = .started(process, output)
        mounting = change
        deadline = .now + Self.limit
        do throws(Errno) {
            try poller.add(process.pollDescriptor, .readable, token: UInt64(process.pollDescriptor))
            try poller.add(output.pollDescriptor, .readable, token: UInt64(output.pollDescriptor))
        } catch {
            // Nobody would hear of it any more.
            process.killAndWait()
            throw error
        }
    }

    /// Takes over a process that an earlier daemon started, and that is mounted.
    init(
        adopting process: WatchedProcess, at socket: String, _ poller: borrowing Poller
    ) throws(Errno) {
        server = .adopted(process, socket: socket)
        isMounted = true
        try poller.add(process.pollDescriptor, .readable, token: UInt64(process.pollDescriptor))
    }

    var process: CInt {
        switch server {
        case .started(let process, _): process.identifier
        case .adopted(let process, _): process.identifier
        }
    }

    private func signal(_ signal: Signal) {
        switch server {
        case .started(let process, _): process.signal(signal)
        case .adopted(let process, _): process.signal(signal)
        }
    }

    var nextDeadline: ContinuousClock.Instant? { deadline }

    /// Does what can be done without blocking.
    ///
    /// - Returns: what has become of it since the last time; `.ended` comes last.
    func service() -> [Step] {
        guard case .started(let process, let output) = server else { return serviceAdopted() }
        var steps: [Step] = []
        // Asked before the last look at its output: what it said last is there then.
        let ending = process.ending()
        text += String(decoding: output.available(), as: UTF8.self)
        while let end = text.firstIndex(of: "\n") {
            steps += take(line: String(text[..<end]))
            text = String(text[text.index(after: end)...])
        }
        // A line that never ends is nobody's last word.
        text = String(text.suffix(4096))
        if let ending {
            steps.append(.ended(ended(ending)))
            return steps
        }
        return steps + stuck()
    }

    /// Of somebody else's child the kernel tells that it has ended, and not how. What is left of its record does.
    private func serviceAdopted() -> [Step] {
        guard case .adopted(let process, let socket) = server, process.hasEnded else { return stuck() }
        for waiting in unmounting { waiting.succeed() }
        if isEnding { return [.ended(.asked)] }
        do throws(Errno) {
            if try MountRecord.kept(beside: socket) == nil { return [.ended(.byOthers)] }
        } catch { return [.ended(.lost("9p-mount ended, and its record cannot be read: \(error)"))] }
        return [.ended(.lost("9p-mount ended"))]
    }

    private func stuck() -> [Step] {
        guard let deadline, deadline <= .now else { return [] }
        self.deadline = .now + Self.limit
        isStuck = true
        signal(.kill)
        return [.stuck(Self.limit)]
    }

    private func take(line: String) -> [Step] {
        // A line of its own: refusals speak of what is mounted, too.
        guard !isMounted, line.hasPrefix("mounted ") else {
            lastLine = line
            return isMounted ? [.note(line)] : []
        }
        isMounted = true
        if !isEnding { deadline = nil }
        mounting?.succeed()
        mounting = nil
        return [.mounted]
    }

    /// Asks it to unmount; `change` is answered when it has ended.
    func unmount(_ change: PendingChange?) {
        if let change { unmounting.append(change) }
        guard !isEnding else { return }
        isEnding = true
        deadline = .now + Self.limit
        signal(.terminate)
    }

    private func ended(_ ending: SpawnedProcess.Ending) -> Ending {
        let refusal = refusal(of: ending)
        mounting?.refuse(refusal)
        for waiting in unmounting { waiting.succeed() }
        if isEnding { return .asked }
        guard isMounted else { return .failed(refusal.message) }
        return ending == .exited(0) ? .byOthers : .lost(refusal.message)
    }

    /// Why it is not mounted. Where it never was, its last line begins with the errno: `errno 2 9p-mount: mount point …`.
    private func refusal(of ending: SpawnedProcess.Ending) -> Refusal {
        if isStuck && !isMounted {
            return Refusal(
                .timedOut, "9p-mount did not answer within \(Self.limit) and was killed; try again")
        }
        // One that was killed had no last word.
        guard case .exited = ending, let lastLine else { return Refusal(.ioError, "9p-mount \(ending)") }
        let words = lastLine.split(separator: " ", maxSplits: 2)
        guard words.count == 3, words[0] == "errno", let number = CInt(words[1]) else {
            return Refusal(.ioError, lastLine)
        }
        return Refusal(Errno(rawValue: number), String(words[2]))
    }
}
