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
    }

    /// Signalled when the last thread has ended, because the mount has.
    let endCounter: EventCounter
    private let session: FUSESession
    private let state = Mutex(State())

    init(serving session: FUSESession) throws(Errno) {
        self.session = session
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
        var buffer = RequestBuffer()
        while let step = try? session.receive(into: &buffer), step != .ended {
            guard step == .processed else { continue }
            becomeBusy()
            session.process(&buffer)
            becomeIdle()
        }
        leave()
    }

    private func becomeBusy() {
        let isLast = state.withLock { state in
            state.idleCount -= 1
            return state.idleCount == 0 && state.threadCount < Workers.mostThreads
        }
        if isLast { try? start() }
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
