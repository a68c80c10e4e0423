import ControlTree
import LinuxSystem
import SystemPackage

/// The links of a daemon, as the directory `links` shows them.
final class LinkSet {
    let directory = Directory(mode: 0o755)
    private let environment: LinkEnvironment
    private var controls: [String: LinkControl] = [:]

    init(_ environment: LinkEnvironment) {
        self.environment = environment
        directory.maker = { [unowned self] name, _ throws(Refusal) in stage(name) }
        directory.remover = { [unowned self] name, change in
            change.answer { () throws(Refusal) in try remove(name) }
        }
    }

    subscript(name: String) -> LinkControl? { controls[name] }

    var areAllDown: Bool { controls.values.allSatisfy(\.isDown) }

    /// Begins to take every link down.
    func takeAllDown() { for control in controls.values { control.takeDown(nil) } }

    private func stage(_ name: String) -> Node {
        let plan = LinkPlan(
            name: name, runtimePath: environment.runtimePath(of: name), timeouts: environment.kind.timeouts)
        let control = LinkControl(plan, environment)
        controls[name] = control
        return LinkDirectory.make(control, environment.kind)
    }

    private func remove(_ name: String) throws(Refusal) {
        guard let control = controls[name], control.isDown else {
            throw Refusal(.resourceBusy, "the link is up; write 0 to its `up` first")
        }
        controls[name] = nil
        directory.remove(name)
        // It is there if the link was ever to come up; what is kept in it for another life stays.
        try? DirectoryPath.remove(at: control.plan.runtimePath)
    }
}
