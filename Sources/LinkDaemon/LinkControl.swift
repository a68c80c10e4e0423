import ControlTree
import Links
import LinuxSystem
import Logging
import SystemPackage

/// A link of the root tree: what is staged of it, and its runner while it is up. Touched by the root session's thread alone.
///
/// ```
///   down ──write 1 to up──► starting ──began──► up ──write 0──► stopping ──ended──► down
///     ▲                        └───────── ended(why) ────────────────┘
///     └──────────────────────────────────── failed(why): brought up again like a link that is down
/// ```
final class LinkControl {
    enum Phase {
        case down
        case starting
        case up
        case stopping
        case failed(Refusal)
    }

    var plan: LinkPlan { didSet { saved?.save() } }
    var saved: SavedLink?
    private(set) var phase = Phase.down { didSet { noteChange() } }
    /// Files that show what the link is now.
    var stateNodes: [Node] = []
    private(set) var view: LinkView?
    private var runner: LinkRunner?
    /// Who waits for `up` to become what they wrote.
    private var pending: PendingChange?
    /// What they wrote.
    private var isUpWanted = false
    private let environment: LinkEnvironment
    let reporter: LinkReporter

    init(_ plan: LinkPlan, _ environment: LinkEnvironment) {
        self.plan = plan
        self.environment = environment
        reporter = environment.reporter(plan.name)
    }

    /// The word that `state` shows.
    var state: String {
        switch phase {
        case .down: "down"
        case .starting: "starting"
        case .up: view?.state.rawValue ?? "waiting"
        case .stopping: "stopping"
        case .failed: "failed"
        }
    }

    /// Why it failed; empty unless it has.
    var reason: String {
        guard case .failed(let refusal) = phase else { return "" }
        return refusal.message
    }

    var isDown: Bool {
        switch phase {
        case .down, .failed: true
        case .starting, .up, .stopping: false
        }
    }

    var isUp: Bool {
        guard case .up = phase else { return false }
        return true
    }

    /// - Throws: `EBUSY` unless it is down: what is staged cannot change under a link that is up.
    func requireDown() throws(Refusal) {
        guard isDown else {
            throw Refusal(.resourceBusy, "cannot change while the link is \(state); write 0 to `up` first")
        }
    }

    /// Wakes who polls what shows its state.
    func noteChange() { for node in stateNodes { node.noteChange() } }

    // MARK: Up and down

    func bringUp(_ change: PendingChange) {
        switch phase {
        case .up: return change.succeed()
        case .starting, .stopping:
            return change.refuse(Refusal(.resourceBusy, "the link is \(state); wait until it is done"))
        case .down, .failed: break
        }
        do throws(Refusal) {
            try plan.requireComplete()
            let runner = try environment.makeRunner(plan, reporter)
            self.runner = runner
            (pending, isUpWanted) = (change, true)
            phase = .starting
            do throws(Errno) { try runner.start() } catch {
                ended(Refusal(error, "its thread could not be started: \(error)"))
            }
        } catch { change.refuse(error) }
    }

    func takeDown(_ change: PendingChange?) {
        switch phase {
        case .down, .failed:
            if change != nil { saved?.save(isUp: false) }
            change?.succeed()
        case .starting where change != nil, .stopping where change != nil:
            change?.refuse(Refusal(.resourceBusy, "the link is \(state); wait until it is done"))
        case .starting, .up:
            if let change {
                (pending, isUpWanted) = (change, false)
                saved?.save(isUp: false)
            }
            phase = .stopping
            runner?.requestStop()
        case .stopping: return
        }
    }

    // MARK: What the runner says

    func began(_ view: LinkView) {
        self.view = view
        guard case .starting = phase else { return }
        phase = .up
        saved?.save(isUp: true)
        reporter.report("link-started", "\(plan.kind.rawValue) on \(plan.place)")
        takePending()?.succeed()
    }

    func ended(_ refusal: Refusal?) {
        runner?.join()
        runner = nil
        view = nil
        if let refusal {
            phase = .failed(refusal)
            reporter.report("link-failed", refusal.message, level: .error)
            takePending()?.refuse(refusal)
        } else {
            phase = .down
            reporter.report("link-stopped")
            if isUpWanted {
                takePending()?.refuse(Refusal(.canceled, "the daemon ended before the link was up"))
            } else {
                takePending()?.succeed()
            }
        }
    }

    private func takePending() -> PendingChange? {
        defer { pending = nil }
        return pending
    }
}
