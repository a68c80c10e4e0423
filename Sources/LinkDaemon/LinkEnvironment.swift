import ControlTree
import FUSEMount
import LinuxSystem
import Logging
import SystemPackage

/// What every link of a daemon needs from it.
struct LinkEnvironment {
    let kind: LinkSideKind
    let treePath: String
    /// What is saved of this side's links: a directory for each.
    let statePath: String
    let mountOptions: MountOptions
    let log: Logger
    let events: EventLog
    let tallies: EventTallies
    let mailbox: RootMailbox

    /// Beside the tree: what is mounted at the tree's own place hides what lies there.
    func runtimePath(of link: String) -> String {
        var base = Substring(treePath)
        while base.count > 1, base.last == "/" { base.removeLast() }
        return "\(base).run/\(link)"
    }

    func statePath(of link: String) -> String { "\(statePath)/\(link)" }

    func reporter(_ link: String) -> LinkReporter {
        LinkReporter(link: link, log: log, events: events, tallies: tallies)
    }

    func makeRunner(_ plan: LinkPlan, _ reporter: LinkReporter) throws(Refusal) -> LinkRunner {
        let (name, mailbox) = (plan.name, mailbox)
        do throws(Errno) {
            return try LinkRunner(
                plan, kind, devicesPath: "\(treePath)/links/\(name)/devices", mountOptions: mountOptions,
                reporter: reporter,
                callbacks: LinkRunner.Callbacks(
                    began: { view in mailbox.post { $0[name]?.began(view) } },
                    changed: { mailbox.post { $0[name]?.noteChange() } },
                    ended: { refusal in mailbox.post { $0[name]?.ended(refusal) } }))
        } catch { throw Refusal(error, "no descriptor is left for it: \(error)") }
    }
}
