import FUSEMount
import LinuxSystem
import Synchronization
import SystemPackage

/// The threads that serve a mount. One always waits for the next request: when the last idle one gets work, another is
/// started, so that a slow server holds up nobody but those who wait for it.
final class Workers: Sendable {
    private static let mostThreads = 64

    private struct State {
        var threadCount = 0
        var idleCount = 0
        var failure: Errno?
        var hasLackedThread = false
    }

    /// Signalled when the last thread has ended: the mount has, or its requests can be read no more (`failure`).
    let endCounter: EventCounter
    /// Why requests could be read no more; `nil` when somebody unmounted.
    var failure: Errno? { state.withLock { $0.failure } }
    /// Each waits for a request.
    var areIdle: Bool { state.withLock { $0.idleCount == $0.threadCount } }
    private let session: FUSESession
    /// What is not to be lost, and costs no request.
    private let say: @Sendable (String) -> Void
    private let state = Mutex(State())

    init(serving session: FUSESession, say: @escaping @Sendable (String) -> Void) throws(Errno) {
        (self.session, self.say) = (session, say)
        endCounter = try EventCounter()
        try MountServing.makeBlocking(session.pollDescriptor)
    }

    func start() throws(Errno) {
        state.withLock { state in
            state.threadCount += 1
            state.idleCount += 1
        }
        do throws(Errno) { _ = try Thread("9p-mount") { [self] in serve() } } catch {
            leave()
            throw error
        }
    }

    private func serve() {
        do throws(Errno) { try serveUntilEnd() } catch {
            state.withLock { $0.failure = $0.failure ?? error }
            // The others wait in reads that may not fail: whoever waits for the end is told now.
            session.stop()
            endCounter.signal()
        }
        leave()
    }

    private func serveUntilEnd() throws(Errno) {
        var buffer = RequestBuffer()
        while case let step = try session.receive(into: &buffer), step != .ended {
            guard step == .processed else { continue }
            becomeBusy()
            session.process(&buffer)
            becomeIdle()
        }
    }

    private func becomeBusy() {
        let isLast = state.withLock { state in
            state.idleCount -= 1
            return state.idleCount == 0 && state.threadCount < Workers.mostThreads
        }
        guard isLast else { return }
        do throws(Errno) { try start() } catch { lacksThread(error) }
    }

    /// Requests are served all the same, one after the other by the threads there are. Said once.
    private func lacksThread(_ error: Errno) {
        let isFirst = state.withLock { state in
            defer { state.hasLackedThread = true }
            return !state.hasLackedThread
        }
        if isFirst { say("no further thread (\(error)): requests wait for one another") }
    }

    private func becomeIdle() { state.withLock { $0.idleCount += 1 } }

    private func leave() {
        let isLast = state.withLock { state in
            state.threadCount -= 1
            state.idleCount -= 1
            return state.threadCount == 0
        }
        if isLast { endCounter.signal() }
    }
}
