import ArgumentParser
import Commands
import LinuxSystem
import Logging
import NinePServer
import SystemPackage

struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "9p-server",
        abstract: "Serves directories over 9P2000.L.",
        discussion: """
            The first export also answers clients that name none. Options behind an export: ro (read-only), \
            cross-mounts, devices (mknod may make device nodes). Run by root, requests act as the user who \
            attached; run by anybody else, only that user can attach, unless --squash all.

            Exit codes: 0 ended by SIGINT or SIGTERM, or every device it served was removed; 1 wrong usage or local \
            error; 2 the copy file is not to be understood; 3 the control tree or the device did not come in time.
            """,
        version: Version.line(of: "9p-server"))

    @Option(
        name: .customLong("export"), help: ArgumentHelp("What to serve.", valueName: "[NAME=]PATH[,OPTION…]"))
    var exports: [ExportArgument] = []

    @Option(
        help: ArgumentHelp(
            "Where clients connect: unix:PATH, tcp:HOST[:PORT]; or come from: fd:IN[,OUT], systemd.",
            valueName: "WHERE"), transform: ListenArgument.init)
    var listen: [ListenArgument] = []

    @Flag(help: "Listen on TCP addresses that other machines reach, too.")
    var allowNetwork = false

    @Option(
        name: .customLong("copy-file"),
        help: ArgumentHelp("The copy file of a 9p device's queue, to serve its driver.", valueName: "PATH"))
    var copyFiles: [String] = []

    @Option(
        help: ArgumentHelp(
            "Permission bits of the socket's file, in octal (default: 0600).", valueName: "MODE"),
        transform: OctalArgument.init)
    var socketMode: OctalArgument = OctalArgument(value: 0o600)

    @Flag(help: "Let every client speak for any user, not only root's and the server's own.")
    var trustClients = false

    @Option(help: ArgumentHelp("Act as the squash user for: none, root, all.", valueName: "WHOM"))
    var squash = SquashArgument(value: .none)

    @Option(
        help: ArgumentHelp(
            "The user to squash to, by number (default: 65534 for root, else the server's own).",
            valueName: "UID"), transform: WholeNumber(in: 0...UInt32.max - 1).callAsFunction)
    var squashUser: UInt32?

    @Option(
        help: ArgumentHelp(
            "The group to squash to, by number (default: the squash user's).", valueName: "GID"),
        transform: WholeNumber(in: 0...UInt32.max - 1).callAsFunction)
    var squashGroup: UInt32?

    @Option(
        name: .customLong("idmap"),
        help: ArgumentHelp(
            "Which of the clients' users and groups are which of this system's, by ranges; others are nobody.",
            valueName: "[u:|g:]CLIENT:SERVER:COUNT"), transform: IdentityMapArgument.init)
    var identityMaps: [IdentityMapArgument] = []

    @Option(
        help: ArgumentHelp(
            "Threads that execute requests, 1 to 1024 (default: one a core, at least 4).", valueName: "N"),
        transform: WholeNumber(in: 1...1024).callAsFunction)
    var workers: Int?

    @Option(
        help: ArgumentHelp("The largest message offered, 4096 to 1048576 (its default).", valueName: "BYTES"),
        transform: WholeNumber(in: 4096...1 << 20).callAsFunction)
    var msize: UInt32 = 1 << 20

    @Flag(help: "Refuse every change, in every export.")
    var readOnly = false

    @Flag(help: "Let clients enter mounts below every export.")
    var crossMounts = false

    @Option(
        help: ArgumentHelp(
            "Where sessions are kept so that they survive this process: a directory on tmpfs, or none.",
            valueName: "DIR"))
    var journal: String?

    @Option(
        help: ArgumentHelp(
            "How long a device's control tree may be away, 1 to 86400 (default: 60).", valueName: "SECONDS"),
        transform: WholeNumber(in: 1...86400).callAsFunction)
    var patience = 60

    @Option(
        help: ArgumentHelp(
            "A file to keep numbers for monitoring in, as OpenMetrics text: renewed every 10 seconds and by SIGUSR1.",
            valueName: "FILE"))
    var metrics: String?

    @Option(
        help: ArgumentHelp(
            "Give up files and system calls that serving needs not: auto (as far as the kernel can), require, none.",
            valueName: "HOW"))
    var confine = ConfineArgument.auto

    @Option(help: ArgumentHelp("trace, debug, info, notice, warning, error or critical.", valueName: "LEVEL"))
    var logLevel = LogLevelArgument(value: .notice)

    /// Only now: the parser looks at options it does not know after `validate`, and those come first.
    private func requireEnough() throws {
        guard !exports.isEmpty else {
            throw ValidationError("nothing to serve; name a directory with --export PATH")
        }
        guard !listen.isEmpty || !copyFiles.isEmpty else {
            throw ValidationError(
                "nowhere to serve; give --listen unix:PATH (tcp:HOST:PORT, fd:IN,OUT, systemd) or --copy-file PATH"
            )
        }
        var names: Set<String> = []
        for export in exports where !names.insert(export.name).inserted {
            throw ValidationError(
                "--export \(export.name) is there twice; give each export a NAME= of its own")
        }
    }

    mutating func run() throws {
        try requireEnough()
        let logger = ProgramLog.logger("9p-server", level: logLevel.value)
        let confinement = try Confinement(confine, logger)
        try confinement.moveUsersAside()
        // Before any other thread is started, so that all of them leave these to the descriptor.
        let signals = try SignalDescriptor([.interrupt, .terminate, .user1])
        let places = try openPlaces(logger)
        let (server, carriers, sockets) = try withdrawing(places.sources) {
            try confinement.restrictFiles(to: reached(from: places))
            let server = try makeServer(places, logger)
            // Before anybody is served: what earlier processes left half done is looked at as they left it.
            let carriers = try makeCarriers(server, places.journals, logger)
            return (server, carriers, try socketServers(server, places))
        }
        let ending = Ending(carrierCount: carriers.count + sockets.count)
        // What is a client's own shall not be told it.
        let told: FileDescriptor =
            listen.contains(where: \.isStandardOutput) ? .standardError : .standardOutput
        let watch: SignalWatch
        do throws(Failure) {
            let file = try metrics.map { path throws(Failure) in try MetricsFile(at: path, of: server, logger)
            }
            watch = SignalWatch(server, ending, file, telling: told)
            try confinement.restrictCalls()
        } catch {
            for socket in sockets { socket.withdraw() }
            throw error
        }
        defer { watch.close() }
        _ = try Thread("9p-signals") { watch.run(signals) }
        let loops = try sockets.map { try ServeCommand.start($0, server, ending, telling: told) }
        for carrier in carriers { try ServeCommand.start(carrier, server, ending, telling: told) }
        // Whoever waits in a copy file is ended with the process; its chains go back to the queue.
        defer {
            for socket in sockets { socket.stop() }
            for loop in loops { loop.join() }
            server.shutDown()
            logger.info("ended", metadata: ["tallies": "\(server.tallies.text)"])
        }
        try ending.wait()
    }

    private static func start(
        _ sockets: SocketServer, _ server: NinePServer, _ ending: Ending, telling told: FileDescriptor
    ) throws -> Thread {
        announce(server, on: sockets.name, to: told)
        return try Thread("9p-socket") {
            do throws(Errno) {
                try sockets.run()
                ending.carrierEnded()
            } catch {
                ending.carrierEnded(Failure("--listen \(sockets.name): \(error)"))
            }
        }
    }

    private static func start(
        _ carrier: QueueCarrier, _ server: NinePServer, _ ending: Ending, telling told: FileDescriptor
    ) throws {
        _ = try Thread("9p-queue") {
            do throws(Failure) {
                try carrier.run { announce(server, on: carrier.path, to: told) }
                ending.carrierEnded()
            } catch { ending.carrierEnded(error) }
        }
    }

    private static func announce(_ server: NinePServer, on carrier: String, to told: FileDescriptor) {
        for export in server.exports {
            let name = export.name == export.path ? "" : "\(export.name)="
            Main.say("serving \(name)\(export.path) on \(carrier)", on: told)
        }
    }

    private func makeServer(_ places: OpenedPlaces, _ logger: Logger) throws -> NinePServer {
        var options = ServerOptions()
        options.maximumMessageSize = msize
        options.workerCount = workers ?? max(4, FileServing.coreCount)
        // Each fid may take a descriptor for its file and one for its open file; no client gets more than a share.
        let descriptorLimit = try FileServing.raiseDescriptorLimit()
        options.fidsPerClient = min(options.fidsPerClient, max(256, descriptorLimit / 4))
        return try NinePServer(
            exports: places.exports, accounts: places.accounts, options: options, logger: logger)
    }
}
