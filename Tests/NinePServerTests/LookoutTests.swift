import LinuxSystem
import Logging
import SystemPackage
import TestSupport
import Testing

@testable import NinePServer

@Suite("who serves what was taken in")
struct LookoutTests {
    /// Hands out what a test puts in, one thing a turn.
    private final class Script: RequestSource {
        private struct Lines {
            var turns: [[any Work]] = []
            var hasEnded = false
            var heldBackSent = 0
        }

        private let pool: WorkerPool
        private let lines = Monitor(Lines())

        init(_ pool: WorkerPool) { self.pool = pool }

        func takeIn(on worker: Worker) throws(Errno) -> Bool {
            let turn: [any Work]? = lines.waiting { lines in
                if !lines.turns.isEmpty { return .some(lines.turns.removeFirst()) }
                return lines.hasEnded ? .some(nil) : nil
            }
            for work in turn ?? [] { pool.submit(work, wakes: false) }
            return turn != nil
        }

        func sendHeldBack() {
            lines.withLock { $0.heldBackSent += 1 }
            lines.wakeAll()
        }

        func add(_ turn: [any Work]) {
            lines.withLock { $0.turns.append(turn) }
            lines.wakeAll()
        }

        func end() {
            lines.withLock { $0.hasEnded = true }
            lines.wakeAll()
        }

        var heldBackSent: Int { lines.withLock { $0.heldBackSent } }
        func waitUntilSent(moreThan count: Int) { lines.waiting { $0.heldBackSent > count ? () : nil } }
    }

    private let server: NinePServer
    private let script: Script

    init() throws {
        var options = ServerOptions()
        options.workerCount = 1
        server = try NinePServer(
            exports: [Export(name: "/", path: "/")], accounts: Accounts(), options: options,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        script = Script(server.pool)
    }

    private func looking(_ body: () -> Void) throws {
        let (script, server) = (script, server)
        let thread = try Thread("lookout") {
            do throws(Errno) { try Lookout(script, of: server).run() } catch {
                Issue.record("a script ended with \(error)")
            }
        }
        body()
        script.end()
        thread.join()
        server.shutDown()
    }

    @Test("what is taken in is done in the order it came, and the source is asked again")
    func inTurn() throws {
        try looking {
            for _ in 0..<200 {
                let (first, second) = (Obstacle(), Obstacle())
                first.letGo()
                second.letGo()
                script.add([first, second])
                first.waitUntilBegun()
                second.waitUntilBegun()
            }
        }
    }

    @Test("a request that takes long holds up neither those that came with it nor those that come later")
    func slowRequests() throws {
        try looking {
            let slow = [Obstacle(), Obstacle(), Obstacle()]
            let quick = Obstacle()
            quick.letGo()
            let sent = script.heldBackSent
            // One for each of the two threads, and one for the only worker: then nobody is left.
            script.add([slow[0], quick])
            slow[0].waitUntilBegun()
            quick.waitUntilBegun()
            // The answers of what was done before it do not wait for it.
            script.waitUntilSent(moreThan: sent)
            script.add([slow[1]])
            slow[1].waitUntilBegun()
            slow[0].letGo()
            script.add([slow[2]])
            slow[2].waitUntilBegun()
            for obstacle in slow { obstacle.letGo() }
        }
    }

    @Test("work that waits behind a slow request is done though no worker was woken for it")
    func nothingIsForgotten() throws {
        try looking {
            for _ in 0..<20 {
                let slow = Obstacle()
                let behind = (0..<5).map { _ in Obstacle() }
                for obstacle in behind { obstacle.letGo() }
                script.add([slow] + behind)
                for obstacle in behind { obstacle.waitUntilBegun() }
                slow.letGo()
            }
        }
    }
}
