internal import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// The `events` file. Opened read-only it holds what is retained, and then ends; opened O_RDWR it goes on with what happens.
public final class EventsNode: Node {
    private let log: EventLog

    /// - Parameter mode: reading needs the read bit; following needs both bits, though nothing can be written.
    public init(_ log: EventLog, mode: UInt32 = 0o664) {
        self.log = log
        super.init(mode: mode)
    }

    public override var byteCount: UInt64 { 4096 }

    public override func open(_ opening: Opening) throws(Refusal) -> any OpenNode {
        switch opening.access {
        case .reading: return RetainedEvents(log.retained())
        case .both: return OpenStream(EventFollower(log, opening.readiness))
        case .writing: throw Refusal(.permissionDenied, "takes nothing; open it for reading")
        }
    }
}

/// What was retained at the time of opening: the log's own lines, so that a thousand openings take no more memory than one.
private final class RetainedEvents: OpenNode {
    private let lines: [[UInt8]]

    init(_ lines: [[UInt8]]) { self.lines = lines }

    var isStream: Bool { false }
    func close() {}
    func poll() -> PollEvents { .readable }

    func read(_ read: any PendingRead, at offset: UInt64) {
        var skipped = Int(clamping: offset)
        var bytes: [UInt8] = []
        for line in lines where bytes.count < read.byteCount {
            bytes += line.dropFirst(skipped).prefix(read.byteCount - bytes.count)
            skipped = max(0, skipped - line.count)
        }
        read.reply(bytes)
    }

    func write(
        _ bytes: RawSpan, at offset: UInt64, isNonBlocking: Bool, defer: () -> PendingChange
    ) -> WriteOutcome { .refused(.badFileDescriptor) }
}

/// One who follows. Woken by whichever thread records, so everything that changes is behind one lock.
private final class EventFollower: StreamFile {
    private struct State {
        var position: UInt64
        /// What a small read left of the last lines.
        var rest: [UInt8] = []
        var waiting: [any PendingRead] = []
    }

    private final class Shared: Sendable {
        let state: Mutex<State>
        let log: EventLog
        let readiness: any ReadinessSignal

        init(_ log: EventLog, _ readiness: any ReadinessSignal) {
            state = Mutex(State(position: log.oldest))
            self.log = log
            self.readiness = readiness
        }

        /// Answers the reads that wait, as far as there is something to say. One thread at a time, also while it answers:
        /// lines that nobody got go back before those that come after them.
        func answer() {
            state.withLock { state in
                state.waiting.removeAll { $0.isOver }
                while let read = state.waiting.first, let bytes = take(&state, read.byteCount) {
                    state.waiting.removeFirst()
                    if !read.reply(bytes) { state.rest = bytes + state.rest }
                }
            }
            readiness.changed()
        }

        private func take(_ state: inout State, _ byteCount: Int) -> [UInt8]? {
            if state.rest.isEmpty { state.rest = log.take(from: &state.position, byteCount: byteCount) }
            guard !state.rest.isEmpty else { return nil }
            let bytes = Array(state.rest.prefix(byteCount))
            state.rest.removeFirst(bytes.count)
            return bytes
        }
    }

    private let shared: Shared

    init(_ log: EventLog, _ readiness: any ReadinessSignal) {
        let shared = Shared(log, readiness)
        self.shared = shared
        log.follow(shared) { [weak shared] in shared?.answer() }
    }

    func read(_ read: any PendingRead) {
        shared.state.withLock { $0.waiting.append(read) }
        shared.answer()
        guard read.isNonBlocking, !read.isOver else { return }
        shared.state.withLock { $0.waiting.removeAll { $0 === read } }
        read.fail(.wouldBlock)
    }

    func write(_ bytes: RawSpan, isNonBlocking: Bool) throws(Errno) -> Int { throw .permissionDenied }

    func poll() -> PollEvents {
        let isReady = shared.state.withLock { !$0.rest.isEmpty || $0.position < shared.log.next }
        return isReady ? .readable : []
    }

    func close() {
        shared.log.unfollow(shared)
        shared.state.withLock { $0.waiting = [] }
    }
}
