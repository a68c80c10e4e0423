import LinuxSystem
import NinePClient
import Synchronization

/// Callers that a signal reached while the server works for them.
///
/// A file is not a terminal: a read or write of one is not cut short by a timer's signal, here as on a disk. So a call is
/// given up only when its caller is being killed, for which it is watched from the first signal on: the kernel says no more.
final class InterruptedCallers: Sendable {
    private struct Entry {
        let interruption: Interruption
        let process: CInt
    }

    private struct State {
        var entries: [Entry] = []
        var thread: Thread?
    }

    private let state = Mutex(State())
    private let parker = Parker()

    /// - Parameter process: the thread that waits, as the kernel counts.
    func add(_ interruption: Interruption, _ process: CInt) {
        state.withLock { state in
            state.entries.append(Entry(interruption: interruption, process: process))
            // Without one a killed caller waits for the server; the next to come tries again.
            if state.thread == nil { state.thread = try? Thread("callers") { [self] in watch() } }
        }
        parker.unpark()
    }

    func remove(_ interruption: Interruption) {
        state.withLock { state in
            guard !state.entries.isEmpty else { return }
            state.entries.removeAll { $0.interruption === interruption }
        }
    }

    private func watch() {
        while true {
            // A list of our own: of one that is shared, who adds the next would make a copy while it holds the lock.
            let entries = state.withLock { $0.entries.map { $0 } }
            for entry in entries where !entry.interruption.isRequested {
                guard ThreadStatus(of: entry.process)?.isBeingKilled ?? true else { continue }
                entry.interruption.interrupt()
            }
            parker.park(for: entries.isEmpty ? nil : .milliseconds(100))
        }
    }
}
