import Commands
import ControlTree
import Links
import LinuxSystem
import Logging
import SharedMemory
import SystemPackage
import Virtio

/// The links of a daemon, as the directory `links` shows them, and as they are saved.
final class LinkSet {
    let directory = Directory(mode: 0o755)
    private let environment: LinkEnvironment
    private var controls: [String: LinkControl] = [:]
    /// Links that were saved and cannot be made again, and why: nobody else gets their names.
    private var unusable: [String: String] = [:]

    init(_ environment: LinkEnvironment) {
        self.environment = environment
        directory.maker = { [unowned self] name, _ throws(Refusal) in
            if let why = unusable[name] {
                throw Refusal(
                    .fileExists, "a link of this name was saved, and could not be made again: \(why)")
            }
            return stage(name)
        }
        directory.remover = { [unowned self] name, change in
            change.answer { () throws(Refusal) in try remove(name) }
        }
    }

    subscript(name: String) -> LinkControl? { controls[name] }

    var areAllDown: Bool { controls.values.allSatisfy(\.isDown) }

    /// Begins to take every link down. What is saved of them stays: they come back with the daemon.
    func takeAllDown() { for control in controls.values { control.takeDown(nil) } }

    private func stage(_ name: String) -> Directory {
        let plan = LinkPlan(
            name: name, runtimePath: environment.runtimePath(of: name),
            statePath: environment.statePath(of: name), isServer: environment.kind.side == .host,
            timeouts: environment.kind.timeouts)
        let control = LinkControl(plan, environment)
        controls[name] = control
        let node = LinkDirectory.make(control, environment.kind)
        control.saved = SavedLink(node, in: plan.statePath, control.reporter)
        control.saved?.save(isUp: false)
        return node
    }

    private func remove(_ name: String) throws(Refusal) {
        guard let control = controls[name], control.isDown else {
            throw Refusal(.resourceBusy, "the link is up; write 0 to its `up` first")
        }
        do throws(Errno) {
            try RuntimeDirectory.remove(control.plan.statePath)
        } catch {
            throw Refusal(
                error, "what is saved of it, in \(control.plan.statePath), cannot be removed: \(error)")
        }
        // What may be left there names meetings that are over.
        do throws(Errno) { try RuntimeDirectory.remove(control.plan.runtimePath) } catch {}
        control.saved = nil
        controls[name] = nil
        environment.tallies.forget(name)
        directory.remove(name)
    }

    // MARK: Counted

    func write(to text: inout LinkMetricsText) {
        for (name, control) in controls.sorted(by: { $0.key < $1.key }) {
            text.add(.links, ["link": name], control.view?.state == .up ? 1 : 0)
            guard let view = control.view else { continue }
            for counter in LinkCounter.allCases {
                let (family, label, value) = counter.metric
                text.add(family, ["link": name, label: value], counter.value(view.counters))
            }
            text.add(.wakeUps, ["link": name], view.wakeUps.now)
            view.metrics.write(to: &text, link: name)
        }
    }

    // MARK: What was saved

    /// Makes every link again that was saved, and brings those up that were up.
    func restore() {
        let names: [String]
        do throws(Errno) { names = try DirectoryPath.namesIfAny(at: environment.statePath) } catch {
            environment.log.error("\(environment.statePath) cannot be read: \(error); no link is made again")
            return
        }
        for name in names {
            do throws(SavedSettings.Failure) {
                guard let saved = try SavedLink.read(from: environment.statePath(of: name)) else {
                    tellUnsaved(name)
                    continue
                }
                restore(name, saved)
            } catch {
                unusable[name] = error.description
                environment.reporter(name).report("not-restored", error.description, level: .error)
            }
        }
    }

    /// A link that was made while nothing could be saved, and whose devices could be later.
    private func tellUnsaved(_ name: String) {
        let path = environment.statePath(of: name)
        do throws(Errno) {
            guard try !DirectoryPath.namesIfAny(at: path).isEmpty else { return }
            environment.reporter(name).report(
                "not-restored",
                "\(path): the link's own settings were never saved; add it again, and what is saved of its devices comes back",
                level: .error)
        } catch {
            environment.reporter(name).report(
                "not-restored", "\(path) cannot be read: \(error)", level: .error)
        }
    }

    private func restore(_ name: String, _ saved: SavedLink.Contents) {
        let node = stage(name)
        node.assign(user: ProcessOwner.user, group: ProcessOwner.group)
        directory.add(name, node)
        let control = controls[name]
        for setting in saved.settings {
            guard let refusal = SavedLink.attribute(setting.name, in: node)?.set(setting.value) else {
                continue
            }
            control?.reporter.report(
                "not-restored", "\(setting.name) \(setting.value): \(refusal.message)", level: .error)
        }
        control?.saved?.save(isUp: saved.isUp)
        guard saved.isUp else { return }
        control?.bringUp(
            PendingChange(Requester(user: ProcessOwner.user, group: ProcessOwner.group, process: 0)) { _ in })
    }
}
