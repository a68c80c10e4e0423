import ArgumentParser
import Commands
import FUSEMount
import LinuxSystem
import NineP
import SystemPackage

@main
enum Main {
    static func main() {
        do {
            var command = try MountCommand.parseAsRoot()
            try command.run()
            ThisProcess.end(0)
        } catch let failure as MountFailure {
            Report(descriptor: nil).failed(failure)
            ThisProcess.end(failure.code.rawValue)
        } catch let error {
            if MountCommand.exitCode(for: error) == .success {
                Report.write(MountCommand.fullMessage(for: error), to: 1)
                ThisProcess.end(0)
            }
            let arguments = Array(CommandLine.arguments.dropFirst())
            let cause = WrongUsage.cause(of: error, in: arguments, of: MountCommand.self)
            let sentence = WrongUsage.sentence(for: cause, of: MountCommand.self)
            Report(descriptor: nil).failed(MountFailure(.local, "\(sentence); see 9p-mount --help"))
            ThisProcess.end(MountFailure.Code.local.rawValue)
        }
    }
}

extension RemoteTree.Caching: ExpressibleByArgument {}

enum StartMode: String, EnumerableFlag {
    case foreground
    case detached

    static func help(for mode: StartMode) -> ArgumentHelp? {
        switch mode {
        case .foreground: "Serve the mount in this process; it ends with it. The default."
        case .detached: "Return when the mount is ready, and serve it in a process of its own."
        }
    }
}

struct MountCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "9p-mount",
        abstract: "Mount the tree of a 9P2000.L server through FUSE.",
        discussion: """
            SERVER is the path of the server's unix socket, tcp:HOST[:PORT] (port 564 by default), or fd:IN[,OUT], descriptors that \
            are open. MOUNTPOINT is a directory. The mount is coherent: other clients' changes are seen \
            at once. It ends with SIGTERM, SIGINT or SIGHUP, with fusermount3 -u MOUNTPOINT, or when the server has hung up \
            and does not come back.

            Exit codes: 0 unmounted as asked, 1 usage or local error, 2 the server refused, 3 the server did not answer.
            """,
        version: Version.line(of: "9p-mount"))

    @Option(help: ArgumentHelp("The tree to attach, as the server names it.", valueName: "name"))
    var aname = ""

    @Option(
        help: ArgumentHelp(
            "The largest message, in bytes: 4096 to 16777216 (default: 1048576).", valueName: "bytes"),
        transform: WholeNumber(in: Protocol9P.minimumMessageSize...(1 << 24)).callAsFunction)
    var msize: UInt32 = 1 << 20

    @Option(
        help: ArgumentHelp(
            "Whom the server acts as (default: the number of who runs this).", valueName: "name|uid"))
    var user: String?

    @Option(
        help: ArgumentHelp(
            "How long to wait for a server that hung up to come back, in seconds: 0 to 86400. Whoever uses the mount waits meanwhile.",
            valueName: "seconds"), transform: WholeNumber(in: 0...86400).callAsFunction)
    var reconnect: UInt32 = 60

    @Option(
        help: ArgumentHelp(
            "How long a server may say nothing while somebody waits for it, in seconds: 0 to 86400, 0 for ever. It is asked for a sign of life after half of it; then it counts as one that hung up.",
            valueName: "seconds"), transform: WholeNumber(in: 0...86400).callAsFunction)
    var silence: UInt32 = 300

    @Flag(help: "Refuse every change.")
    var readOnly = false

    @Flag(help: "Let others than this user in; the kernel then checks permissions.")
    var allowOther = false

    @Option(
        help: ArgumentHelp(
            "none: every access goes to the server, shared mappings are refused; mmap: the page cache, with shared mappings.",
            valueName: "none|mmap"))
    var cache = RemoteTree.Caching.none

    @Flag(exclusivity: .exclusive)
    var mode = StartMode.foreground

    @Option(help: .private)
    var reportDescriptor: CInt?

    @Flag(help: .private)
    var sayErrno = false

    /// A file of whoever started this, that says that the mount is wanted: taken away when somebody unmounts it, so that who
    /// is not this process's parent, or comes later, can tell that from any other end.
    @Option(help: .private)
    var record: String?

    @Argument(
        help: ArgumentHelp(
            "The 9P server: a unix socket's path, tcp:HOST[:PORT], fd:IN[,OUT].", valueName: "server"))
    var socket: String

    @Argument(help: "The directory to mount on.")
    var mountpoint: String

    func run() throws {
        if mode == .detached, reportDescriptor == nil { return try startDetached() }
        let report = Report(descriptor: reportDescriptor, saysErrno: sayErrno)
        do {
            try serve(report)
        } catch let failure as MountFailure {
            // Where a process waits, that one says it, and this one goes quietly.
            report.failed(failure)
            ThisProcess.end(failure.code.rawValue)
        }
    }

    /// A text without a beginning of its own is a path.
    private func address() throws -> ServerAddress {
        switch try ServerAddress(socket) {
        case nil: return .unix(path: AbsolutePath.joined(socket))
        case .unix(let path): return .unix(path: AbsolutePath.joined(path))
        case .descriptors where mode == .detached:
            throw ValidationError("a detached process has no descriptors of this one's; use --foreground")
        case .some(let address): return address
        }
    }

    private func settings() throws -> MountSettings {
        let address = try address()
        let place = if case .unix(let path) = address { path } else { address.description }
        var settings = MountSettings(
            address: address, socket: place, mountPoint: AbsolutePath.of(mountpoint),
            readyLine: "mounted \(socket) at \(mountpoint)")
        settings.treeName = aname
        settings.user = user.map { UserIdentity($0) } ?? .number(ProcessOwner.user)
        (settings.maximumMessageSize, settings.isReadOnly) = (msize, readOnly)
        settings.reconnectLimit = .seconds(Int64(reconnect))
        settings.silenceLimit = .seconds(Int64(silence))
        // Nobody connects those again.
        if case .descriptors = address { settings.reconnectLimit = .zero }
        settings.tree = RemoteTree.Settings(caching: cache, allowsOthers: allowOther)
        return settings
    }

    private func serve(_ report: Report) throws {
        let settings = try settings()
        MountServing.becomeFlusher()
        // Whoever reads what we print may go before us.
        ThisProcess.outlivesBrokenPipes()
        let signals = try SignalDescriptor([.terminate, .interrupt, .hangUp])
        // Before the server is asked for anything: it may serve one client at a time.
        do throws(MountError) { try MountPoint.check(settings.mountPoint) } catch {
            throw MountFailure(error)
        }
        guard let met = try ServerMeeting.met(settings, unless: signals) else { ThisProcess.end(0) }
        let mount = try RunningMount(met, settings, signals: signals)
        let failure = mount.finish(report.ready(settings) ? try mount.waitForEnd() : .signal)
        if failure == nil, let record {
            do throws(Errno) { try WholeFile.remove(record) } catch {
                Report.write(
                    "9p-mount: \(record) cannot be removed, so the mount is made again: \(error)", to: 2)
            }
        }
        // No deinits: threads may still wait for the kernel, and what the server keeps of ours goes with the connection.
        if let failure { Report(descriptor: nil).failed(failure) }
        ThisProcess.end(failure?.code.rawValue ?? 0)
    }

    /// Starts this program again, detached, and waits for what it reports.
    private func startDetached() throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        let report: OwnedDescriptor
        do {
            // By its own name, so that it shows as 9p-mount.
            report = try DetachedProcess.start(
                AbsolutePath.of("/proc/self/exe"),
                ["--report-descriptor", "\(DetachedProcess.reportDescriptor)"] + arguments)
        } catch { throw MountFailure(.local, "no process could be started: \(error)") }
        let text = try Report.text(from: ByteStream(owning: report))
        if let failure = Report.failure(in: text) { throw failure }
        Report.write(try settings().readyLine, to: 1)
    }
}
