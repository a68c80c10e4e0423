import ControlTree
import FUSEMount
import LinuxSystem
import Synchronization
import SystemPackage
import TestSupport

/// A control tree of a scripted daemon, mounted: links and devices can be made in it, and it refuses as told.
///
/// ```
///   links/<link>/        mkdir; kind (shm only)   up (1 is answered never when kind is "stuck")   devices/
///   devices/<name>/      mkdir; rmdir refused of "held"; type   tag   published (needs a tag)   driver   reset
/// ```
final class ServedTree: Sendable {
    private let directory: TemporaryDirectory
    private let session: Mutex<FUSESession>
    private let thread: Mutex<Thread?>
    let log: WriteLog

    var path: String { directory.path }

    init(side: String = "host") throws {
        let directory = try TemporaryDirectory()
        let log = WriteLog()
        let tree = ScriptedDaemon(side, log).tree
        let session = try FUSESession(
            TreeFilesystem(tree), at: directory.path, .controlTree(allowsOthers: false))
        self.directory = directory
        self.log = log
        self.session = Mutex(session)
        thread = Mutex(try Thread("served-tree") { try? session.run() })
    }

    func end() {
        session.withLock { $0.stop() }
        thread.withLock { $0.take() }?.join()
        session.withLock { $0.unmount() }
    }
}

/// What was made, removed and written, in order.
final class WriteLog: Sendable {
    private let state = Mutex<[String]>([])
    var lines: [String] { state.withLock { $0 } }
    func note(_ line: String) { state.withLock { $0.append(line) } }
}

/// The daemon's side of that tree. Used by the session's one thread.
private final class ScriptedDaemon {
    let tree: Tree
    private let log: WriteLog
    private var unanswered: [PendingChange] = []

    init(_ side: String, _ log: WriteLog) {
        self.log = log
        let root = Directory(mode: 0o755)
        tree = Tree(root: root)
        let events = EventLog()
        root.add("version", Attribute(mode: 0o444, show: { "\(side) 0.1.0" }))
        root.add("events", EventsNode(events))
        let links = root.add("links", Directory(mode: 0o755))
        tree.onRefusal = { events.record(Event($0)) }
        // The tree keeps its daemon.
        links.maker = { [self] name, _ throws(Refusal) in
            guard name != "forbidden" else {
                throw Refusal(.outOfRange, "is no link of ours; choose another name")
            }
            log.note("mkdir \(name)")
            return makeLink(name)
        }
        links.remover = { name, change in
            log.note("rmdir \(name)")
            guard name != "held" else {
                return change.refuse(Refusal(.resourceBusy, "is up; write 0 to up first"))
            }
            links.remove(name)
            change.succeed()
        }
    }

    private func value(_ name: String, _ set: @escaping (String, PendingChange) -> Void) -> Attribute {
        var shown = ""
        return Attribute(mode: 0o644, show: { shown }) { [log] text, change in
            log.note("\(name)=\(text)")
            shown = text
            set(text, change)
        }
    }

    private func makeLink(_ name: String) -> Directory {
        let link = Directory(mode: 0o755)
        link.add(
            "kind",
            value("kind") { text, change in
                text == "shm" || text == "stuck"
                    ? change.succeed()
                    : change.refuse(Refusal(.invalidArgument, "'\(text)' is no kind; write shm"))
            })
        link.add("state", Attribute(mode: 0o444, show: { "up" }))
        link.add(
            "up",
            value("up") { [self] _, change in
                if name == "stuck" { unanswered.append(change) } else { change.succeed() }
            })
        let devices = link.add("devices", Directory(mode: 0o755))
        devices.maker = { [self] name, _ throws(Refusal) in
            log.note("mkdir \(name)")
            return makeDevice()
        }
        devices.remover = { [log] name, change in
            log.note("rmdir \(name)")
            guard name != "held" else {
                return change.refuse(Refusal(.resourceBusy, "is held by its backend; end that first"))
            }
            devices.remove(name)
            change.succeed()
        }
        return link
    }

    private func makeDevice() -> Directory {
        let device = Directory(mode: 0o755)
        var tag = ""
        device.add("type", value("type") { _, change in change.succeed() })
        device.add(
            "tag",
            value("tag") { text, change in
                tag = text
                change.succeed()
            })
        device.add(
            "published",
            value("published") { text, change in
                text == "1" && tag.isEmpty
                    ? change.refuse(Refusal(.invalidArgument, "tag is missing; write one first"))
                    : change.succeed()
            })
        device.add(
            "driver",
            value("driver") { text, change in
                text == "slow"
                    ? change.refuse(Refusal(.timedOut, "the driver did not answer")) : change.succeed()
            })
        device.add(
            "config.bin",
            BinaryAttribute(mode: 0o644, count: { 4 }, show: { [1, 2, 3, 4] }) {
                [log] bytes, offset, change in
                log.note("config.bin@\(offset)=\(bytes)")
                change.succeed()
            })
        device.add(
            "reset",
            Attribute(mode: 0o200, show: nil) { [log] text, change in
                log.note("reset=\(text)")
                change.succeed()
            })
        let queues = device.add("queues", Directory(mode: 0o755))
        queues.maker = { [log] name, _ throws(Refusal) in
            guard name != "4" else { throw Refusal(.outOfRange, "a device has 4 queues at most; make fewer") }
            log.note("mkdir queue \(name)")
            return Directory(mode: 0o755)
        }
        return device
    }
}

/// As `mkdir` does it.
func makeDirectory(_ path: String) throws { try DirectoryPath.make(at: path) }
